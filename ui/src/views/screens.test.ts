import { describe, expect, it } from "vitest";

import { type ScenarioName, scenarios } from "../bridge/scenarios";
import { catalogues } from "../catalogue";
import { show } from "../testing/show";

const expected: Record<string, string> = {
  "sign-in": "sign-in",
  "signing-in": "sign-in",
  home: "home",
  settings: "home",
  help: "home",
  link: "home",
  calling: "outgoing",
  ringing: "outgoing",
  incoming: "incoming",
  connecting: "connecting",
  "in-call": "in-call",
  ended: "ended",
  busy: "busy",
};

/** A scenario is named after its screen, with what is special about it behind. */
const screenFor = (scenario: string): string | undefined => expected[Object.keys(expected).find((name) => scenario.startsWith(name)) ?? ""];

describe.each(Object.keys(catalogues))("in %s", (lang) => {
  it.each(Object.keys(scenarios) as ScenarioName[])("shows %s", async (scenario) => {
    const { screen, container } = await show(scenario, { lang });
    expect(screen()).toBe(screenFor(scenario));
    expect(container.querySelectorAll("h1")).toHaveLength(1);
    for (const control of container.querySelectorAll("button, input")) expect(nameOf(control), control.outerHTML).not.toBe("");
    expect(container.textContent).not.toMatch(/undefined|null|\[object/);
  });
});

/** What a screen reader calls a control. */
function nameOf(control: Element): string {
  const label = control.id && document.querySelector(`label[for="${control.id}"]`)?.textContent;
  const around = control.closest("label")?.textContent;
  return (control.getAttribute("aria-label") || control.textContent || label || around || "").trim();
}

it("paints nothing but the pop-up's ground when no call comes in", async () => {
  const { screen, container } = await show("in-call", { label: "incoming" });
  expect(screen()).toBe("idle");
  expect(container.querySelectorAll("button")).toHaveLength(0);
});

it("waits for the first view without a word", async () => {
  const { container } = await show("home");
  expect(container.querySelector('[data-screen="loading"]')).toBeNull();
});

it("tells of a request that could not be carried out, until it is put away", async () => {
  const { action, find, has, words } = await show("incoming", { refuse: "ongoingCall" });
  action("answer").click();
  await expect.poll(() => has('[data-notice="problem"]')).toBe(true);
  expect(find('[data-notice="problem"]').textContent).toContain(words.problems.ongoingCall);
  expect(find('[data-notice="problem"]').getAttribute("role")).toBe("alert");
  action("close-notice").click();
  await expect.poll(() => has('[data-notice="problem"]')).toBe(false);
});
