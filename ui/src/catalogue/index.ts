// Every word on the screens, by language. A key that a language lacks does not compile.

import { getContext, setContext } from "svelte";

import type { EndReason } from "../bridge";
import { ar } from "./ar";
import { en, type Ending } from "./en";

export type { Ending } from "./en";

export type Catalogue = typeof en;

/** Languages by their subtag. */
export const catalogues: Record<string, Catalogue> = { en, ar };

/** Finds the catalogue for a language tag such as `ar-EG`; English serves those that are missing. */
export const catalogueFor = (tag: string): Catalogue => catalogues[tag.toLowerCase().split("-", 1)[0] ?? ""] ?? en;

/** Says why a call is over. */
export function endingOf(words: Catalogue, reason: EndReason): Ending {
  if (typeof reason === "string") return words.endings[reason];
  return { title: words.notPlaced, detail: words.problems[reason.notPlaced.code] };
}

const key = Symbol("catalogue");

export const provideWords = (words: Catalogue): Catalogue => setContext(key, words);
export const useWords = (): Catalogue => getContext<Catalogue>(key);
