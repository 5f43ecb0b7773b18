import type { RecentCall } from "../../bridge";

/** What became of a call, as a list tells it at a glance. */
export type CallOutcome = "incoming" | "outgoing" | "missed" | "unanswered";

export function outcomeOf(call: RecentCall): CallOutcome {
  if (call.seconds !== null) return call.direction;
  if (call.direction === "outgoing") return "unanswered";
  return call.reason === "missed" || call.reason === "cancelled" || call.reason === "ringTimeout" ? "missed" : "incoming";
}
