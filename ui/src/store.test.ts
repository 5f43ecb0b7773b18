import { expect, it } from "vitest";

import { Store } from "./store.svelte";
import { idle, recorder } from "./testing/show";

const at = (revision: number) => ({ ...idle, revision });

it("asks for a snapshot when it opens", async () => {
  const store = new Store(recorder(at(3)).bridge);
  expect(store.view).toBeNull();
  await store.open();
  expect(store.view?.revision).toBe(3);
});

it("drops a view that is older than the one shown, or the same", async () => {
  const { bridge, change } = recorder(at(3));
  const store = new Store(bridge);
  await store.open();
  change(at(5));
  change({ ...at(4), recent: [] });
  change({ ...at(5), recent: [] });
  expect(store.view?.revision).toBe(5);
  expect(store.view?.recent).not.toEqual([]);
});

it("drops a snapshot that was overtaken by a change", async () => {
  const { bridge, change } = recorder(at(3));
  const store = new Store({ ...bridge, view: () => Promise.resolve(at(3)).then((view) => (change(at(4)), view)) });
  await store.open();
  expect(store.view?.revision).toBe(4);
});

it("keeps the last problem until it is put away or the next request succeeds", async () => {
  const store = new Store(recorder(idle).bridge);
  await store.act(Promise.resolve({ code: "serverFailure", detail: "", subject: null }));
  expect(store.problem?.code).toBe("serverFailure");
  store.forgetProblem();
  expect(store.problem).toBeNull();
  await store.act(Promise.resolve({ code: "serverFailure", detail: "", subject: null }));
  await store.act(Promise.resolve(null));
  expect(store.problem).toBeNull();
});
