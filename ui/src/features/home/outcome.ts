import type { RecentCall } from "../../bridge";
import { type Catalogue, endingOf } from "../../catalogue";

/** What became of a call, as a list tells it at a glance. */
export type CallOutcome = "incoming" | "outgoing" | "missed" | "unanswered";

export function outcomeOf(call: RecentCall): CallOutcome {
  if (call.isMissed) return "missed";
  return call.direction === "outgoing" && call.seconds === null ? "unanswered" : call.direction;
}

/** Characters of a device's name that a list has room for. */
const MOST = 18;

/** The beginning of a name, whichever way the language around it goes: what a browser cuts off in a line from right to left is where a name from left to right begins. */
function shortened(name: string | null): string | null {
  const characters = Array.from(name ?? "");
  return characters.length > MOST ? `${characters.slice(0, MOST - 1).join("").trimEnd()}…` : name;
}

/** How a call ended, in a word or two, where that is not what was to be expected. */
export const briefly = (words: Catalogue, call: RecentCall): string | null =>
  call.isMissed ? words.recent.missed : endingOf(words, call.reason, { ...call, otherDevice: shortened(call.otherDevice) }).brief;
