// Every word on the screens, by language. A key that a language lacks does not compile.

import { getContext, setContext } from "svelte";

import type { Direction, EndReason, Problem } from "../bridge";
import { ar } from "./ar";
import { en, type Ending } from "./en";

export type { Ending } from "./en";

export type Catalogue = typeof en;

/** Languages by their subtag. */
export const catalogues: Record<string, Catalogue> = { en, ar };

/** Finds the catalogue for a language tag such as `ar-EG`; English serves those that are missing. */
export const catalogueFor = (tag: string): Catalogue => catalogues[tag.toLowerCase().split("-", 1)[0] ?? ""] ?? en;

/** How a call has ended, as calls on the screen and in the list have it. */
interface Ended {
  direction: Direction;
  otherDevice: string | null;
}

/** Says why a call is over: what of an outgoing call is the other side's doing is this side's of an incoming one. */
export function endingOf(words: Catalogue, reason: EndReason, { direction, otherDevice }: Ended): Ending {
  if (typeof reason !== "string") return { ...words.notPlaced, detail: words.problems[reason.notPlaced.code] };
  const on = otherDevice === null ? undefined : words.endingsOn[reason];
  if (on && otherDevice !== null) return on(isolated(otherDevice));
  return (direction === "incoming" && words.endingsHere[reason]) || words.endings[reason];
}

/** A name within a sentence stands by itself, whichever way it is written. */
export const isolated = (name: string): string => `\u2068${name}\u2069`;

/** Puts a name where `{about}` stands. */
export const fill = (text: string, about: string | null): string => text.replaceAll("{about}", isolated(about ?? ""));

/** Says what went wrong, and with what. */
export function problemOf(words: Catalogue, { code, subject }: Problem): string {
  const about = words.problemsAbout[code];
  return about && subject !== null ? about(isolated(subject)) : words.problems[code];
}

/** Says why a call was not transferred. */
export const transferProblemOf = (words: Catalogue, problem: Problem): string =>
  words.transferProblems[problem.code] ?? problemOf(words, problem);

const key = Symbol("catalogue");

export const provideWords = (words: Catalogue): Catalogue => setContext(key, words);
export const useWords = (): Catalogue => getContext<Catalogue>(key);
