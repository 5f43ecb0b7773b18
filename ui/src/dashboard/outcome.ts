/** What came of a call, as charts tell it: people talked, nobody was reached, or something did not work. */
export type Outcome = "talked" | "unreached" | "failed";

const talked = ["hung_up", "max_duration", "transferred"];
const failed = ["internal_error", "local_network_loss", "remote_network_loss", "protocol_mismatch", "media_setup_too_slow", "microphone_refused", "poor_network", "unknown"];

export function outcomeOf(reason: string): Outcome {
  if (talked.includes(reason)) return "talked";
  return failed.includes(reason) ? "failed" : "unreached";
}
