import { expect, it } from "vitest";

import { scenarios } from "../bridge/scenarios";
import { keepFocus } from "./focus";
import { readMetrics } from "./metrics";
import { outcomeOf } from "./outcome";
import { brandOf, viewsOf } from "./preview/views";
import { href, read, type Route } from "./route.svelte";
import { actionOf, appleReasonOf, auditOutcomeOf, fieldError, languages, otherError, reasonOf, refusalOf, subjectOf, verdictOf, wordsFor } from "./words";
import { en } from "./words/en";
import { aheadOfUtc } from "./zone";

it.each<[string, Route]>([
  ["", { page: "accounts" }],
  ["#/", { page: "accounts" }],
  ["#/nowhere", { page: "accounts" }],
  ["#/audit", { page: "audit" }],
  ["#/link/a-b_C9", { page: "link", link: "a-b_C9" }],
  ["#/a/grocer", { page: "account", account: "grocer", environment: "production", section: "overview" }],
  ["#/a/grocer/development/calls", { page: "account", account: "grocer", environment: "development", section: "calls" }],
  ["#/a/%E0%A4%A/elsewhere/nothing", { page: "account", account: "%E0%A4%A", environment: "production", section: "overview" }],
])("the address %s leads somewhere", (hash, route) => {
  expect(read(hash)).toEqual(route);
  expect(read(href(route))).toEqual(route);
});

it("says why something was refused, where it was, and in general what nobody has foreseen", () => {
  const taken = { code: "taken", field: "id" };
  expect(fieldError(en, taken, "id")).toBe(en.taken["id"]);
  expect(fieldError(en, taken, "name")).toBeNull();
  expect(otherError(en, taken, ["id"])).toBeNull();
  expect(otherError(en, taken, ["name"])).toBe(en.refusals.taken);
  expect(refusalOf(en, { code: "a code of tomorrow", field: null })).toBe(en.refusals.unavailable);
  expect(refusalOf(en, { code: "toString", field: null })).toBe(en.refusals.unavailable);
});

it("reads the figures that Prometheus reads, but for the parts of histograms", () => {
  const text = '# HELP a Calls.\na{reason="hung up"} 3\nb_bucket{le="0.1"} 7\nb_sum 0.25\nbroken\nc NaN\n';
  expect(readMetrics(text)).toEqual([
    { series: 'a{reason="hung up"}', value: 3 },
    { series: "b_sum", value: 0.25 },
  ]);
});

it("tells a talk from somebody who was not reached and from what did not work", () => {
  expect(["hung_up", "busy", "media_setup_too_slow", "a reason of tomorrow"].map(outcomeOf)).toEqual(["talked", "unreached", "failed", "unreached"]);
});

it.each(Object.entries(languages))("%s has words for the same reasons, actions and refusals, and none of them empty", (tag, words) => {
  expect(wordsFor(`${tag}-XX`)).toBe(words);
  for (const name of ["reasons", "actions", "refusals", "wrong", "taken"] as const) {
    expect(Object.keys(words[name]).sort()).toEqual(Object.keys(en[name]).sort());
  }
  expect(Object.keys(words.health.unready).sort()).toEqual(Object.keys(en.health.unready).sort());
  expect(Object.keys(words.health.tiles)).toEqual(Object.keys(en.health.tiles));
  expect(Object.keys(words.audit.outcomes)).toEqual(Object.keys(en.audit.outcomes));
  for (const name of ["services", "verdicts", "verdictLeads", "appleReasons"] as const) {
    expect(Object.keys(words.push[name])).toEqual(Object.keys(en.push[name]));
  }
  const empty: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value === "string" && !value.trim()) empty.push(path);
    if (value && typeof value === "object") for (const [key, inner] of Object.entries(value)) look(inner, `${path}.${key}`);
  };
  look(words, "");
  expect(empty).toEqual([]);
  expect([reasonOf(words, "hung_up"), actionOf(words, "add_key")]).toEqual([words.reasons["hung_up"], words.actions["add_key"]]);
});

it("shows a brand on the app's own calls, as they are now", () => {
  const brand = brandOf({ name: "Parcelo", bg_color: "#12355B", font_color: "white", button_theme: "dark" });
  expect(brand).toMatchObject({ logo: null, background: "#12355B", foreground: "#FFFFFF", lightButtons: false });
  const now = Date.UTC(2027, 0, 1);
  const views = viewsOf(brand, { name: "Amira", context: "Order 4711", now });
  expect(views.map(({ screen }) => screen)).toEqual(["incoming", "talking", "outgoing", "ended", "busy", "popup"]);
  for (const { call, view } of views) expect([call.peerName, call.context, view.brand]).toEqual(["Amira", "Order 4711", brand]);
  const phase = views[1]?.call.phase;
  expect(phase).toMatchObject({ state: "talking", since: now - 134_000 });
  expect(views[0]?.call).toEqual({ ...scenarios.incoming.call, peerName: "Amira", context: "Order 4711" });
});

it("says what came of something, and what nobody has foreseen as it is", () => {
  expect([auditOutcomeOf(en, "not_known"), auditOutcomeOf(en, "refused"), auditOutcomeOf(en, "a word of tomorrow")]).toEqual([
    "Not known",
    "Refused",
    "a word of tomorrow",
  ]);
  expect([subjectOf(en, "(erased)"), subjectOf(en, "erased")]).toEqual([{ words: "an erased user" }, { id: "erased" }]);
  expect(verdictOf(en, "gone")).toBe("Device not known");
  expect([appleReasonOf(en, "Unregistered"), appleReasonOf(en, "toString")]).toEqual(["The app was removed from the device.", "toString"]);
});

it("leads to the headline whoever has pressed what is gone, and nobody else", async () => {
  document.body.innerHTML = '<main><h1 tabindex="-1">Users</h1><button id="gone"></button><button id="stays"></button></main>';
  const button = (id: string): HTMLElement | null => document.getElementById(id);
  button("stays")?.focus();
  await keepFocus();
  expect(document.activeElement?.id).toBe("stays");
  button("gone")?.focus();
  button("gone")?.remove();
  await keepFocus();
  expect(document.activeElement?.tagName).toBe("H1");
});

it.each([
  [0, "+00:00"],
  [-60, "+01:00"],
  [-330, "+05:30"],
  [-765, "+12:45"],
  [210, "-03:30"],
  [570, "-09:30"],
  [720, "-12:00"],
])("a clock that is %d minutes behind UTC is ahead of it by %s", (behind, ahead) => {
  expect(aheadOfUtc(behind)).toBe(ahead);
});
