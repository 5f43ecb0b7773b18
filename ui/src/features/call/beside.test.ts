import { fireEvent } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { CallView } from "../../bridge";
import { NOW, type ScenarioName, scenarios } from "../../bridge/scenarios";
import { show } from "../../testing/show";

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

const popup = { label: "incoming" as const };

it.each<[ScenarioName, string, unknown[]]>([
  ["in-call", "hold", ["hold", "c1", true]],
  ["in-call-held", "resume", ["hold", "c1", false]],
  ["in-call-on-hold", "hold", ["hold", "c1", true]],
  ["in-call-both-hold", "resume", ["hold", "c1", false]],
  ["in-call-waiting", "decline-other", ["decline", "c3"]],
  ["in-call-waiting", "hold-and-answer", ["answer", "c3", "holdCurrent"]],
  ["in-call-waiting", "end-and-answer", ["answer", "c3", "endCurrent"]],
  ["in-call-waiting", "hang-up", ["hangUp", "c1"]],
  ["in-call-waiting", "mute", ["mute", "c1", true]],
  ["calling-waiting", "end-and-answer", ["answer", "c3", "endCurrent"]],
  ["incoming-two", "answer", ["answer", "c1", "holdCurrent"]],
  ["incoming-two", "answer-other", ["answer", "c3", "holdCurrent"]],
  ["incoming-two", "decline-other", ["decline", "c3"]],
  ["in-call-beside", "swap", ["swap"]],
  ["in-call-beside", "hang-up", ["hangUp", "c1"]],
  ["in-call-beside-ended", "call-again", ["callAgain"]],
  ["in-call-beside-ended", "close", ["dismissCall"]],
  ["in-call-beside-ended", "resume", ["hold", "c1", false]],
])("on %s, %s asks for it", async (scenario, name, asked) => {
  const shown = await show(scenario);
  shown.action(name).click();
  expect(shown.asked).toEqual([asked]);
});

it.each<[ScenarioName, string, unknown[]]>([
  ["in-call-waiting", "decline", ["decline", "c3"]],
  ["in-call-waiting", "hold-and-answer", ["answer", "c3", "holdCurrent"]],
  ["in-call-waiting", "end-and-answer", ["answer", "c3", "endCurrent"]],
  ["calling-waiting", "end-and-answer", ["answer", "c3", "endCurrent"]],
  ["incoming-two", "answer", ["answer", "c1", "holdCurrent"]],
])("in the pop-up on %s, %s asks for it", async (scenario, name, asked) => {
  const shown = await show(scenario, popup);
  shown.action(name).click();
  expect(shown.asked).toEqual([asked]);
});

it("says who waits, and why, in window and pop-up", async () => {
  for (const options of [{}, popup]) {
    const { container } = await show("in-call-waiting-transferred", options);
    for (const words of ["Support desk", "Refund call back", "Put through by", "Jonas Okafor"]) expect(container.textContent).toContain(words);
  }
});

it("leaves the call that goes on as it is while another waits", async () => {
  const { find, has } = await show("in-call-waiting");
  expect(find("[data-screen]").dataset.screen).toBe("in-call");
  expect(find("h1").textContent).toBe("Delivery partner is calling");
  expect(find("[data-other]").textContent).toContain("Refund call back");
  expect(has('[data-action="new-call"]')).toBe(false);
});

it("reads out who calls while another call is on", async () => {
  const { find, change } = await show("in-call");
  expect(find("[data-announced]").textContent?.trim()).toBe("");
  change({ ...scenarios["in-call-waiting"], revision: 2 });
  await vi.waitFor(() => expect(find("[data-announced]").textContent).toContain("Support desk. Refund call back"));
});

it("says that a call from a notification cannot be made while one is on", async () => {
  const { find, action, asked, words } = await show({ ...scenarios["in-call"], notices: [{ code: "ongoingCall", detail: "", subject: null }] });
  expect(find('[data-notice="ongoingCall"]').textContent).toContain(words.problems.ongoingCall);
  action("close-notice").click();
  expect(asked).toEqual([["dismissNotice", "ongoingCall"]]);
});

it("gives the focus back to the headline when the control that had it goes with the other call", async () => {
  const { action, find, change } = await show("in-call-waiting");
  action("decline-other").focus();
  change({ ...scenarios["in-call"], revision: 2 });
  await vi.waitFor(() => expect(document.activeElement).toBe(find("h1")));
});

it("says on both sides who holds", async () => {
  const { find, words, change } = await show("in-call-held");
  expect(find('[data-notice="holding"]').textContent).toContain(words.call.holding.thisSide);
  expect(find("[data-status]").textContent).toBe(words.call.onHold);
  expect(find("[data-elapsed]").textContent).toBe("2:14");
  change({ ...scenarios["in-call-on-hold"], revision: 2 });
  await vi.waitFor(() => expect(find('[data-notice="holding"]').dataset.holding).toBe("otherSide"));
});

it("offers to resume the held call when the other one is over, and not where a quick second click falls", async () => {
  const { find, has, change } = await show("in-call-beside");
  const left = { ...(scenarios["in-call-beside"].other as CallView) };
  change({ ...scenarios["in-call-beside"], revision: 2, call: left, other: null });
  await vi.waitFor(() => expect(find("h1").textContent).toBe("Refund call back"));
  expect([has('[data-action="hang-up"]'), has('[data-action="resume"]')]).toEqual([false, false]);
  await fireEvent.keyDown(window, { key: "H", ctrlKey: true, shiftKey: true });
  await vi.advanceTimersByTimeAsync(600);
  expect([has('[data-action="hang-up"]'), has('[data-action="resume"]')]).toEqual([true, true]);
});

it("puts no other control where Answer was until a second click is over", async () => {
  const { has, change } = await show("connecting");
  change({ ...scenarios["in-call"], revision: 2 });
  await vi.waitFor(() => expect(has('[data-screen="in-call"]')).toBe(true));
  expect([has('[data-action="hold"]'), has('[data-action="hang-up"]')]).toEqual([false, true]);
  await vi.advanceTimersByTimeAsync(600);
  expect(has('[data-action="hold"]')).toBe(true);
});

it("lets no answer be where another was until a second click is over", async () => {
  const { has, change, find } = await show("incoming", popup);
  change({ ...scenarios["in-call-waiting"], revision: 2 });
  await vi.waitFor(() => expect(find("h1").textContent).toBe("Refund call back"));
  expect(has('[data-action="hold-and-answer"]')).toBe(false);
  await vi.advanceTimersByTimeAsync(600);
  expect(has('[data-action="hold-and-answer"]')).toBe(true);
});

it("transfers to whom is chosen among those of late", async () => {
  const { action, find, field, asked, has, container } = await show("in-call");
  action("transfer").click();
  await vi.waitFor(() => expect(has('[data-dialog="transfer"]')).toBe(true));
  expect([...document.querySelectorAll<HTMLElement>("[data-person]")].map((person) => person.dataset.person)).not.toContain("courier_8842");
  find('[data-person="agent_310"]').click();
  await vi.waitFor(() => expect(field("transfer-to").value).toBe("agent_310"));
  expect(asked).toEqual([]);
  await fireEvent.submit(find('[data-dialog="transfer"]'));
  expect(asked).toEqual([["transfer", "c1", "agent_310"]]);
  await vi.waitFor(() => expect(has('[data-dialog="transfer"]')).toBe(false));
  expect(container).toBeTruthy();
});

it.each(["contactNotReachable", "canNotCallSelf", "ongoingCall", "failureInMakeCall", "invalidCuid"] as const)(
  "says why a call is not transferred: %s",
  async (code) => {
    const { action, find, field, has, words } = await show("in-call", { refuse: code });
    action("transfer").click();
    await vi.waitFor(() => expect(has('[data-dialog="transfer"]')).toBe(true));
    await fireEvent.input(field("transfer-to"), { target: { value: "agent_310" } });
    await fireEvent.submit(find('[data-dialog="transfer"]'));
    await vi.waitFor(() => expect(has('[data-error="transfer-to"]')).toBe(true));
    expect(find('[data-error="transfer-to"]').textContent).toBe(words.transferProblems[code] ?? words.problems[code]);
    expect(find('[data-screen="in-call"]')).toBeTruthy();
  },
);

it("offers another call beside one that is held, also when one has just ended", async () => {
  expect((await show("in-call-beside-ended")).has('[data-action="new-call"]')).toBe(true);
});

it("does not transfer another call that has come to the place of the one that was meant", async () => {
  const { action, has, change, find } = await show("in-call-beside");
  action("transfer").click();
  await vi.waitFor(() => expect(has('[data-dialog="transfer"]')).toBe(true));
  const left = scenarios["in-call-beside"].other as CallView;
  change({ ...scenarios["in-call-beside"], revision: 2, call: left, other: null });
  await vi.waitFor(() => expect(find("h1").textContent).toBe("Refund call back"));
  expect(has('[data-dialog="transfer"]')).toBe(false);
});

it("says who has handed over to whom, on all three sides", async () => {
  expect((await show("ended-handed-over")).find("[data-status]").textContent).toContain("Jonas Okafor");
  expect((await show("ringing-transferred")).find("[data-transferred-by]").textContent).toContain("Amira Haddad");
  expect((await show("incoming-transferred")).find("[data-transferred-by]").textContent).toContain("Jonas Okafor");
});

it("says whom the company connects with whom, while it rings here and there", async () => {
  const incoming = await show("incoming-connected");
  expect(incoming.find("[data-connected-by]").textContent).toContain("connects you with");
  expect(incoming.find("[data-connected-by]").textContent).toContain("Amira Haddad");
  expect((await show("ringing-connected")).find("[data-connected-by]").textContent).toContain("Parcelo");
});

it("places another call and holds the one that goes on only when the line says so", async () => {
  const { action, find, field, asked, has } = await show("in-call");
  action("new-call").click();
  await vi.waitFor(() => expect(has('[data-dialog="new-call"]')).toBe(true));
  await fireEvent.input(field("cuid"), { target: { value: "agent_310" } });
  await fireEvent.input(field("context"), { target: { value: "Order 12" } });
  await fireEvent.submit(find('[data-dialog="new-call"]'));
  await vi.waitFor(() => expect(asked).toEqual([["dial", "agent_310", "Order 12"]]));
  const refused = await show("in-call", { refuse: "ongoingCall" });
  refused.action("new-call").click();
  await vi.waitFor(() => expect(refused.has('[data-dialog="new-call"]')).toBe(true));
  await fireEvent.submit(refused.find('[data-dialog="new-call"]'));
  await vi.waitFor(() => expect(refused.asked).toEqual([["dial", "", ""], ["hold", "c1", true]]));
  expect(refused.find('[data-notice="dial"]').textContent).toContain(refused.words.problems.ongoingCall);
});
