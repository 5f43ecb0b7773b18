import { describe, expect, it } from "vitest";

import { ar } from "./catalogue/ar";
import { en } from "./catalogue/en";
import { clock, duration, initials, moment } from "./format";

describe("clock", () => {
  it.each([
    [0, "0:00"],
    [7.9, "0:07"],
    [60, "1:00"],
    [754, "12:34"],
    [3_599, "59:59"],
    [3_723, "1:02:03"],
    [-4, "0:00"],
  ])("says %d seconds as %s", (seconds, text) => expect(clock(seconds)).toBe(text));
});

describe("duration", () => {
  it.each([
    [0, "0 s", "0 ث"],
    [59, "59 s", "59 ث"],
    [134, "2 min 14 s", "2 د 14 ث"],
    [3_600, "1 h 0 min 0 s", "1 س 0 د 0 ث"],
  ])("says %d seconds in words", (seconds, english, arabic) => {
    expect(duration(en, seconds)).toBe(english);
    expect(duration(ar, seconds)).toBe(arabic);
  });
});

describe("moment", () => {
  const now = new Date(2026, 10, 18, 0, 30).getTime();
  it.each([
    ["later the same day", new Date(2026, 10, 18, 0, 5), "00:05"],
    ["half an hour ago, but yesterday", new Date(2026, 10, 17, 23, 59), "Yesterday"],
    ["six days ago", new Date(2026, 10, 12, 9), "Thu"],
    ["a week ago", new Date(2026, 10, 11, 9), "Nov 11"],
    ["last year", new Date(2025, 10, 18, 9), "Nov 18, 2025"],
    ["a clock that runs ahead", new Date(2026, 10, 18, 0, 40), "00:40"],
  ])("is as short as can be for %s", (_when, at, text) => expect(moment(en, at.getTime(), now)).toBe(text));
});

describe("initials", () => {
  it.each([
    ["Amira Haddad", "AH"],
    ["Echo", "E"],
    ["courier_8842", "C8"],
    ["  maría josé de la cruz ", "MC"],
    ["أميرة حداد", "أح"],
    ["🚚 Depot", "D"],
    ["", ""],
  ])("stands for %s", (name, letters) => expect(initials(name)).toBe(letters));
});
