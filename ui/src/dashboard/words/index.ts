// Every word of the dashboard, by language. A key that a language lacks does not compile.

import { getContext, setContext } from "svelte";

import type { Refusal } from "../api";
import { ar } from "./ar";
import { en } from "./en";

export type Words = typeof en;

export const languages: Record<string, Words> = { en, ar };

/** Finds the words for a language tag such as `ar-EG`; English serves those that are missing. */
export const wordsFor = (tag: string): Words => languages[tag.toLowerCase().split("-", 1)[0] ?? ""] ?? en;

const key = Symbol("dashboard words");
export const provideWords = (words: Words): Words => setContext(key, words);
export const useWords = (): Words => getContext<Words>(key);

const said = (texts: Record<string, string>, word: string, otherwise: string): string => (Object.hasOwn(texts, word) && texts[word]) || otherwise;

/** Says why something was not done. */
export const refusalOf = (words: Words, { code }: Refusal): string => said(words.refusals, code, words.refusals.unavailable);
/** Says what is wrong with a field. */
export const fieldError = (words: Words, refused: Refusal | null, field: string): string | null => {
  if (refused?.field !== field) return null;
  return refused.code === "taken" ? said(words.taken, field, words.refusals.taken) : said(words.wrong, field, words.refusals.invalid_request);
};
/** Says what is wrong that no field of a form says. */
export const otherError = (words: Words, refused: Refusal | null, fields: string[]): string | null =>
  refused && !(refused.field && fields.includes(refused.field)) ? refusalOf(words, refused) : null;

export const reasonOf = (words: Words, reason: string): string => said(words.reasons, reason, reason);
export const actionOf = (words: Words, action: string): string => said(words.actions, action, action);
export const auditOutcomeOf = (words: Words, outcome: string): string => said(words.audit.outcomes, outcome, outcome);
/** To what something was done; of a user who was erased it is not said who that was, by a word that is no user's, key's or call's id. */
export const subjectOf = (words: Words, subject: string): { id: string } | { words: string } => (subject === "(erased)" ? { words: words.audit.erased } : { id: subject });
export const verdictOf = (words: Words, verdict: string): string => said(words.push.verdicts, verdict, verdict);
/** Why Apple has refused a push; what nobody has words for is as Apple calls it. */
export const appleReasonOf = (words: Words, reason: string): string => said(words.push.appleReasons, reason, reason);
export const unreadyOf = (words: Words, word: string): string => said(words.health.unready, word, words.health.notReady);

const format = (words: Words, at: string, options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat(words.locale, options).format(new Date(at));
/** A date in the reader's own time zone; this year needs no name. */
const date = (at: string): Intl.DateTimeFormatOptions => ({
  day: "numeric",
  month: "short",
  ...(new Date(at).getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }),
});
/** A moment in the reader's own time zone. */
export const moment = (words: Words, at: string): string =>
  format(words, at, { ...date(at), hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const precise = (words: Words, at: string): string =>
  format(words, at, { ...date(at), hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const day = (words: Words, at: string): string => format(words, at, { day: "numeric", month: "short" });
export const hour = (words: Words, at: string): string => format(words, at, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
export const number = (words: Words, value: number, digits = 0): string =>
  new Intl.NumberFormat(words.locale, { maximumFractionDigits: digits }).format(value);
/** With so many digits behind the point, whatever they are: numbers that stand below each other. */
export const fixed = (words: Words, value: number, digits: number): string =>
  new Intl.NumberFormat(words.locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
