import type { CallView } from "../../bridge";

/** The screens that a call goes through. */
export type CallScreenName = "outgoing" | "incoming" | "connecting" | "in-call" | "ended" | "busy";

export function screenOf(call: CallView): CallScreenName {
  switch (call.phase.state) {
    case "calling":
      return "outgoing";
    case "ringing":
      return call.direction === "incoming" ? "incoming" : "outgoing";
    case "connecting":
      return "connecting";
    case "talking":
      return "in-call";
    case "ended":
      return call.phase.reason === "busy" && call.direction === "outgoing" ? "busy" : "ended";
  }
}

/** Whether this user holds a call, which may then stand beside another. */
export const isHeldHere = (call: CallView): boolean => call.holding === "thisSide" || call.holding === "both";
