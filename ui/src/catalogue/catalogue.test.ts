import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { parse } from "svelte/compiler";
import { describe, expect, it } from "vitest";

import { catalogueFor, catalogues, endingOf, problemOf } from "./index";

const source = "src";
const files = (ending: string) =>
  readdirSync(source, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(ending))
    .map((file) => join(source, file));

/** The string literals of a union type of the bindings: names of codes and reasons. */
const union = (name: string): string[] => {
  const bindings = readFileSync("src/bridge/bindings.ts", "utf8").replace(/\/\*[^]*?\*\//g, "");
  const declared = new RegExp(`export type ${name} =([^;]*?);\\n(?:\\n|$)`).exec(bindings)?.[1] ?? "";
  return [...declared.replace(/\{[^}]*\}/g, "").matchAll(/"(\w+)"/g)].map((match) => match[1] ?? "");
};

const incoming = { direction: "incoming", otherDevice: null } as const;
const outgoing = { direction: "outgoing", otherDevice: null } as const;

describe.each(Object.entries(catalogues))("the catalogue %s", (_tag, words) => {
  it("has words for every code of a problem", () => {
    expect(union("ProblemCode").length).toBeGreaterThan(20);
    expect(Object.keys(words.problems).sort()).toEqual(union("ProblemCode").sort());
  });

  it("has words for every reason of an end", () => {
    expect(union("EndReason").length).toBeGreaterThan(10);
    expect(Object.keys(words.endings).sort()).toEqual(union("EndReason").sort());
    expect(endingOf(words, "busy", outgoing)).toEqual(words.endings.busy);
    expect(endingOf(words, { notPlaced: { code: "canNotCallSelf" } }, outgoing)).toEqual({
      ...words.notPlaced,
      detail: words.problems.canNotCallSelf,
    });
  });

  it("tells the callee of what was the callee's doing", () => {
    for (const reason of ["busy", "loggedOut", "notificationsDisabled", "microphoneRefused", "ringTimeout"] as const) {
      expect(endingOf(words, reason, incoming)).not.toEqual(endingOf(words, reason, outgoing));
    }
    expect(endingOf(words, "hungUp", incoming)).toEqual(words.endings.hungUp);
  });

  it("names the device that has taken a call, where that is known", () => {
    for (const reason of ["answeredElsewhere", "declinedElsewhere"] as const) {
      expect(endingOf(words, reason, incoming)).toEqual(words.endings[reason]);
      const { title, brief } = endingOf(words, reason, { ...incoming, otherDevice: "Kitchen laptop" });
      expect(title).toContain("\u2068Kitchen laptop\u2069");
      expect(brief).toContain("\u2068Kitchen laptop\u2069");
    }
    expect(endingOf(words, "hungUp", { ...incoming, otherDevice: "Kitchen laptop" })).toEqual(words.endings.hungUp);
  });

  it("has words for everything that a check of the set-up finds", () => {
    expect(union("Finding").length).toBeGreaterThan(30);
    expect(Object.keys(words.setup.findings).sort()).toEqual(union("Finding").sort());
    expect(Object.keys(words.setup.verdicts).sort()).toEqual(union("Verdict").sort());
  });

  it("says of everything that is wrong how to mend it", () => {
    const sound = Object.entries(words.setup.findings).filter(([finding]) => /Absent|Refused|Broken|Silent|Unknown|Mismatch|Missing/.test(finding));
    expect(sound.filter(([, { mend }]) => mend === null)).toEqual([]);
  });

  it("answers the four questions", () => {
    expect(words.help.questions).toHaveLength(4);
  });

  it("names what a problem is about where that is known", () => {
    const problem = (subject: string | null) => problemOf(words, { code: "invalidToneFile", detail: "", subject });
    expect(problem("bells.mid")).toContain("\u2068bells.mid\u2069");
    expect(problem(null)).toBe(words.problems.invalidToneFile);
  });

  it("leaves nothing empty", () => {
    const empty: string[] = [];
    const look = (value: unknown, path: string): void => {
      if (typeof value === "string" && !value.trim()) empty.push(path);
      if (value && typeof value === "object") for (const [key, inner] of Object.entries(value)) look(inner, `${path}.${key}`);
    };
    look(words, "");
    expect(empty).toEqual([]);
  });
});

it("finds a language by its tag, and English for the others", () => {
  expect(catalogueFor("ar-EG")).toBe(catalogues["ar"]);
  expect(catalogueFor("AR")).toBe(catalogues["ar"]);
  expect(catalogueFor("xx")).toBe(catalogues["en"]);
  expect(catalogueFor("")).toBe(catalogues["en"]);
});

it("says nothing in another language's words", () => {
  const { en, ar } = catalogues;
  const same = Object.keys(en?.problems ?? {}).filter((code) => en?.problems[code as never] === ar?.problems[code as never]);
  expect(same).toEqual([]);
});

/** Attributes whose text somebody reads or hears. */
const spoken = ["aria-label", "title", "placeholder", "alt", "label", "text", "hint"];

/** Walks a component's markup for text that is written into it. */
function written(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(written);
  if (!node || typeof node !== "object") return [];
  const { type, name, data } = node as { type?: string; name?: string; data?: string };
  if (type === "Text" && data && /\p{L}/u.test(data)) return [data.trim()];
  if (type === "Attribute" && !spoken.includes(name ?? "")) return [];
  return Object.values(node).flatMap(written);
}

describe("components", () => {
  const components = files(".svelte");

  it.each(components)("%s has no text of its own", (file) => {
    expect(written(parse(readFileSync(file, "utf8"), { modern: true }).fragment)).toEqual([]);
  });

  it("would be caught having some", () => {
    const found = written(parse('{#if a}<p title="Hello">{b}</p>{:else}<i>Bye</i>{/if}', { modern: true }).fragment);
    expect(found).toEqual(["Hello", "Bye"]);
  });

  it.each([...components, ...files(".css").filter((file) => !file.endsWith("tokens.css"))])(
    "%s names no colour, type size or layer",
    (file) => {
      const styles = file.endsWith(".css") ? readFileSync(file, "utf8") : (/<style>[^]*<\/style>/.exec(readFileSync(file, "utf8"))?.[0] ?? "");
      expect(styles.match(/#[0-9a-f]{3,8}\b|\brgba?\(|\bhsla?\(|font-size:\s*[\d.]|z-index:\s*-?\d/gi) ?? []).toEqual([]);
    },
  );
});
