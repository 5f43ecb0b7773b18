import type { RecentCall } from "../../bridge";
import { type Catalogue, endingOf } from "../../catalogue";

/** What became of a call, as a list tells it at a glance. */
export type CallOutcome = "incoming" | "outgoing" | "missed" | "unanswered";

export function outcomeOf(call: RecentCall): CallOutcome {
  if (call.isMissed) return "missed";
  return call.direction === "outgoing" && call.seconds === null ? "unanswered" : call.direction;
}

/** How a call ended, in a word or two, where that is not what was to be expected. */
export const briefly = (words: Catalogue, call: RecentCall): string | null =>
  call.isMissed ? words.recent.missed : endingOf(words, call.reason, call).brief;
