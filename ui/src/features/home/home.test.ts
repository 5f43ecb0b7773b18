import { fireEvent } from "@testing-library/svelte";
import { expect, it, vi } from "vitest";

import type { ProblemCode } from "../../bridge";
import { scenarios } from "../../bridge/scenarios";
import { show } from "../../testing/show";

const dial = async (refuse?: ProblemCode) => {
  const shown = await show("home", { refuse });
  await fireEvent.input(shown.field("cuid"), { target: { value: "courier_8842" } });
  await fireEvent.input(shown.field("context"), { target: { value: "Order 4711 question" } });
  await fireEvent.submit(shown.find("form"));
  return shown;
};

it("calls whom the form names, for the reason that it gives", async () => {
  const { asked } = await dial();
  expect(asked).toEqual([["dial", "courier_8842", "Order 4711 question"]]);
});

it.each<[ProblemCode, string]>([
  ["invalidCuid", "cuid"],
  ["canNotCallSelf", "cuid"],
  ["callContextInvalid", "context"],
])("says %s at its field, which takes the focus", async (code, name) => {
  const { find, field, words, has } = await dial(code);
  await expect.poll(() => has(`[data-error="${name}"]`)).toBe(true);
  expect(find(`[data-error="${name}"]`).textContent).toBe(words.problems[code]);
  expect(field(name).getAttribute("aria-invalid")).toBe("true");
  expect(field(name).getAttribute("aria-describedby")).toBe(find(`[data-error="${name}"]`).id);
  await expect.poll(() => document.activeElement).toBe(field(name));
  await fireEvent.input(field(name), { target: { value: "other" } });
  expect(has(`[data-error="${name}"]`)).toBe(false);
});

it.each<ProblemCode>(["serverFailure", "callingTooOften"])("says what is no field's fault above the form: %s", async (code) => {
  const { find, words, has } = await dial(code);
  await expect.poll(() => has('[data-notice="dial"]')).toBe(true);
  expect(find('[data-notice="dial"]').textContent).toContain(words.problems[code]);
});

it("opens an earlier call, calls back for the same reason, and closes by Escape", async () => {
  const { find, action, asked, has } = await show("home");
  find('[data-recent="agent_310"]').click();
  await expect.poll(() => has('[data-action="call"]')).toBe(true);
  expect(document.activeElement?.textContent).toBe("Jonas Okafor");
  action("call").click();
  expect(asked).toEqual([["dial", "agent_310", "Order 4711 question"]]);
  await fireEvent.keyDown(window, { key: "Escape" });
  expect(has('[data-action="call"]')).toBe(false);
  expect(has('[data-action="dial"]')).toBe(true);
});

it("marks a missed call in words as well as in colour", async () => {
  const { find } = await show("home");
  expect(find('[data-recent="support_desk"]').textContent).toContain("Missed");
});

it("says when nobody has called yet", async () => {
  const { find, words } = await show("home-empty");
  expect(find('[data-empty="recent"]').textContent).toContain(words.home.emptyTitle);
});

it("says that the connection is being restored", async () => {
  const { find } = await show("home-reconnecting");
  expect(find('[data-screen="home"]').dataset.session).toBe("reconnecting");
  expect(find('[data-notice="reconnecting"]').getAttribute("role")).toBe("status");
});

it("says that the key is kept for this session only, as long as that is so", async () => {
  const { find, container } = await show("home-session-only");
  expect(find('[data-notice="this-session-only"]')).toBeTruthy();
  expect(container.querySelector('[data-action="close-notice"]')).toBeNull();
});

it("puts a notice away", async () => {
  const { action, asked } = await show("home-notices");
  action("close-notice").click();
  expect(asked).toEqual([["dismissNotice", "notificationsAbsent"]]);
});

it("says in the list how a call ended, and calls again from it", async () => {
  const { find, asked, container } = await show("home");
  expect(find('[data-recent="courier_1207"]').textContent).toContain("Busy");
  expect(find('[data-recent="courier_8842"]').querySelector(".how")).toBeNull();
  const redial = [...container.querySelectorAll<HTMLElement>('[data-action="redial"]')];
  expect(redial.map((button) => button.getAttribute("aria-label"))).toContain("Call Support desk again");
  redial[2]?.click();
  expect(asked).toEqual([["dial", "support_desk", "Refund call back"]]);
});

it("counts missed calls beside the section until they are seen", async () => {
  const focus = vi.spyOn(document, "hasFocus").mockReturnValue(false);
  const { find, asked, action } = await show("home-missed");
  expect(find("[data-missed]").textContent).toBe("2");
  expect(action("show-calls").textContent).toContain("2 missed calls");
  expect(asked).toEqual([]);
  focus.mockReturnValue(true);
  await fireEvent.focus(window);
  await expect.poll(() => asked).toEqual([["seeMissed"]]);
  focus.mockRestore();
});

it("does not take missed calls for seen while something else is shown", async () => {
  const focus = vi.spyOn(document, "hasFocus").mockReturnValue(true);
  const { asked, action, change } = await show("home");
  action("show-settings").click();
  change({ ...scenarios["home-missed"], revision: 2 });
  await expect.poll(() => action("show-calls").textContent).toContain("2 missed calls");
  expect(asked.filter(([request]) => request === "seeMissed")).toEqual([]);
  focus.mockRestore();
});

it("names the file that a notice is about", async () => {
  const { find } = await show("home-notices");
  expect(find('[data-notice="toneFileLost"]').textContent).toContain("morning bells.ogg");
});

it("names the device that has taken a call, in the list and beside it", async () => {
  const { find, action, container } = await show("home-elsewhere");
  expect(find('[data-recent="support_desk"]').textContent).toContain("Answered on \u2068Kitchen laptop\u2069");
  action("open-recent").click();
  await expect.poll(() => container.querySelector("dl")?.textContent).toContain("The old laptop");
});
