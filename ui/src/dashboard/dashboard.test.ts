import { expect, it } from "vitest";

import { readMetrics } from "./metrics";
import { outcomeOf } from "./outcome";
import { href, read, type Route } from "./route.svelte";
import { actionOf, fieldError, languages, otherError, reasonOf, refusalOf, wordsFor } from "./words";
import { en } from "./words/en";

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
  const empty: string[] = [];
  const look = (value: unknown, path: string): void => {
    if (typeof value === "string" && !value.trim()) empty.push(path);
    if (value && typeof value === "object") for (const [key, inner] of Object.entries(value)) look(inner, `${path}.${key}`);
  };
  look(words, "");
  expect(empty).toEqual([]);
  expect([reasonOf(words, "hung_up"), actionOf(words, "add_key")]).toEqual([words.reasons["hung_up"], words.actions["add_key"]]);
});
