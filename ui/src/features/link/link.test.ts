import { fireEvent } from "@testing-library/svelte";
import { expect, it } from "vitest";

import { scenarios } from "../../bridge/scenarios";
import { show } from "../../testing/show";

it("says who is to be called and why, and calls only when told to", async () => {
  const { find, action, asked } = await show("link-asks");
  expect(find("[data-link]").textContent).toContain("Amira Haddad");
  expect(find("[data-link]").textContent).toContain("courier_8842");
  expect(find("[data-link]").textContent).toContain("Order 4711 question");
  expect(asked).toEqual([]);
  action("call-link").click();
  await expect.poll(() => asked).toEqual([["dial", "courier_8842", "Order 4711 question"], ["dismissLink"]]);
});

it("has the focus where Enter agrees to nothing", async () => {
  const { action } = await show("link-asks");
  await expect.poll(() => document.activeElement).toBe(action("dismiss-link"));
});

it.each<[string, (shown: Awaited<ReturnType<typeof show>>) => unknown]>([
  ["its button", ({ action }) => action("dismiss-link").click()],
  ["Escape", () => fireEvent.keyDown(document.activeElement ?? document, { key: "Escape" })],
])("is put away by %s", async (_name, put) => {
  const shown = await show("link-asks");
  await expect.poll(() => document.activeElement).toBe(shown.action("dismiss-link"));
  await put(shown);
  await expect.poll(() => shown.asked).toEqual([["dismissLink"]]);
});

it("asks for the reason where the link has none", async () => {
  const { field, find, asked } = await show("link-asks-why");
  await fireEvent.input(field("link-context"), { target: { value: "Order 12" } });
  await fireEvent.submit(find("[data-link]"));
  await expect.poll(() => asked[0]).toEqual(["dial", "courier_8842", "Order 12"]);
});

it("stays and says why when the call cannot be placed", async () => {
  const { field, find, has, asked, words } = await show("link-asks-why", { refuse: "callContextInvalid" });
  await fireEvent.submit(find("[data-link]"));
  await expect.poll(() => has('[data-error="link-context"]')).toBe(true);
  expect(find('[data-error="link-context"]').textContent).toBe(words.problems.callContextInvalid);
  await expect.poll(() => document.activeElement).toBe(field("link-context"));
  expect(asked.map(([request]) => request)).toEqual(["dial"]);
});

it("waits while somebody signs in, and while a call is on", async () => {
  const { has, find, change } = await show("sign-in-link");
  expect(has("[data-link]")).toBe(false);
  expect(find('[data-notice="link"]').textContent).toContain("courier_8842");
  change({ ...scenarios["in-call"], link: scenarios["link-asks"].link, revision: 2 });
  await expect.poll(() => find("[data-screen]").dataset.screen).toBe("in-call");
  expect(has("[data-link]")).toBe(false);
});
