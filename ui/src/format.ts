import type { Catalogue } from "./catalogue";

const pad = (value: number): string => String(value).padStart(2, "0");

/** The clock of a call: `0:07`, `12:34`, `1:02:03`. */
export function clock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** How long a call was, in words. */
export const duration = (words: Catalogue, seconds: number): string =>
  words.duration(Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, Math.floor(seconds % 60));

/** Milliseconds of a calendar day at noon, which no change of the clocks moves to another day. */
const noon = (at: Date): number => new Date(at.getFullYear(), at.getMonth(), at.getDate(), 12).getTime();

/** When a call was, as short as it can be told apart: a time today, then *Yesterday*, a weekday, a date. */
export function moment(words: Catalogue, at: number, now: number): string {
  const then = new Date(at);
  const days = Math.round((noon(new Date(now)) - noon(then)) / 86_400_000);
  const say = (options: Intl.DateTimeFormatOptions): string => new Intl.DateTimeFormat(words.locale, options).format(then);
  if (days <= 0) return say({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  if (days === 1) return words.home.yesterday;
  if (days < 7) return say({ weekday: "short" });
  return say({ day: "numeric", month: "short", year: new Date(now).getFullYear() === then.getFullYear() ? undefined : "numeric" });
}

/** Date and time in full. */
export const fullMoment = (words: Catalogue, at: number): string =>
  new Intl.DateTimeFormat(words.locale, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" }).format(new Date(at));

/** One or two letters that stand in for a picture: first and last word of a name, or the start of an id. */
export function initials(name: string): string {
  const parts = name.trim().split(/[\s_]+/u).filter((part) => /^[\p{L}\p{N}]/u.test(part));
  const letters = parts.length > 1 ? [parts[0], parts.at(-1)] : [parts[0]];
  return letters.map((part) => Array.from(part ?? "")[0] ?? "").join("").toLocaleUpperCase();
}
