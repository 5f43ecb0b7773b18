import { fireEvent } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import { NOW, type ScenarioName } from "../../bridge/scenarios";
import { show } from "../../testing/show";
import { pressed } from "./keys";

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

const chord = (letter: string) => ({ key: letter.toUpperCase(), code: `Key${letter.toUpperCase()}`, ctrlKey: true, shiftKey: true });
const main = { label: "main" as const };
const popup = { label: "incoming" as const };

it.each<[ScenarioName, string, typeof main | typeof popup, unknown[]]>([
  ["incoming", "a", main, [["answer", "c1", "holdCurrent"]]],
  ["incoming", "d", main, [["decline", "c1"]]],
  ["incoming", "a", popup, [["answer", "c1", "holdCurrent"]]],
  ["incoming", "d", popup, [["decline", "c1"]]],
  ["incoming", "h", main, []],
  ["incoming", "m", main, []],
  ["ringing", "h", main, [["hangUp", "c2"]]],
  ["ringing", "m", main, [["mute", "c2", true]]],
  ["in-call", "h", main, [["hangUp", "c1"]]],
  ["in-call", "m", main, [["mute", "c1", true]]],
  ["in-call-muted", "m", main, [["mute", "c1", false]]],
  ["in-call", "p", main, [["hold", "c1", true]]],
  ["in-call-held", "p", main, [["hold", "c1", false]]],
  ["in-call-beside", "s", main, [["swap"]]],
  ["in-call", "s", main, []],
  ["in-call-waiting", "a", main, [["answer", "c3", "holdCurrent"]]],
  ["in-call-waiting", "e", main, [["answer", "c3", "endCurrent"]]],
  ["in-call-waiting", "d", main, [["decline", "c3"]]],
  ["in-call-waiting", "h", main, [["hangUp", "c1"]]],
  ["in-call-waiting", "a", popup, [["answer", "c3", "holdCurrent"]]],
  ["in-call-waiting", "e", popup, [["answer", "c3", "endCurrent"]]],
  ["in-call-waiting", "d", popup, [["decline", "c3"]]],
  ["incoming", "e", main, []],
  ["incoming", "e", popup, []],
  ["calling-waiting", "a", main, []],
  ["calling-waiting", "e", main, [["answer", "c3", "endCurrent"]]],
  ["in-call", "a", main, []],
  ["in-call", "d", main, []],
  ["ended", "h", main, []],
  ["home", "a", main, []],
])("on %s, Ctrl+Shift+%s in %o asks for what it should", async (scenario, letter, window_, asked) => {
  const shown = await show(scenario, window_);
  await fireEvent.keyDown(window, chord(letter));
  expect(shown.asked.filter(([request]) => request !== "seeMissed")).toEqual(asked);
});

it("takes the place of the key where the keyboard writes other letters", () => {
  expect(pressed(new KeyboardEvent("keydown", { ...chord("a"), key: "ش" }))).toBe("answer");
  expect(pressed(new KeyboardEvent("keydown", { ...chord("q"), key: "A" }))).toBe("answer");
});

it("does nothing by a single key, by a key that is held, or with one more", () => {
  for (const more of [{ ctrlKey: false }, { shiftKey: false }, { altKey: true }, { metaKey: true }, { repeat: true }])
    expect(pressed(new KeyboardEvent("keydown", { ...chord("a"), ...more }))).toBeNull();
});

it("names its keys to a screen reader", async () => {
  const { action } = await show("in-call");
  expect(action("mute").getAttribute("aria-keyshortcuts")).toBe("Control+Shift+M");
  expect(action("hang-up").getAttribute("aria-keyshortcuts")).toBe("Control+Shift+H");
});

it.each<[string, string]>([
  ["t", "transfer"],
  ["n", "new-call"],
])("asks by Ctrl+Shift+%s for what it needs to know", async (letter, dialog) => {
  vi.useRealTimers();
  const { has } = await show("in-call", main);
  await fireEvent.keyDown(window, chord(letter));
  await expect.poll(() => has(`[data-dialog="${dialog}"]`)).toBe(true);
});
