// The way to Rust, over the generated bindings.

import { getCurrentWindow } from "@tauri-apps/api/window";

import { commands, events, type Problem } from "./bindings";
import type { Bridge, Outcome } from "./index";

type Reply = { status: "ok"; data: null } | { status: "error"; error: Problem };

const outcome = async (reply: Promise<Reply>): Outcome => {
  const answer = await reply;
  return answer.status === "ok" ? null : answer.error;
};

export const tauriBridge = (): Bridge => ({
  label: getCurrentWindow().label === "incoming" ? "incoming" : "main",
  view: commands.view,
  listen: (changed) => events.viewChanged.listen((event) => changed(event.payload)),
  signIn: (form) => outcome(commands.signIn(form)),
  signOut: () => outcome(commands.signOut()),
  setPreferences: (form) => outcome(commands.setPreferences(form)),
  dial: (cuid, context) => outcome(commands.dial(cuid, context)),
  answer: (id, how) => outcome(commands.answer(id, how)),
  decline: (id) => outcome(commands.decline(id)),
  hangUp: (id) => outcome(commands.hangUp(id)),
  mute: (id, muted) => outcome(commands.mute(id, muted)),
  hold: (id, on) => outcome(commands.hold(id, on)),
  swap: () => outcome(commands.swap()),
  transfer: (id, to) => outcome(commands.transfer(id, to)),
  setVolume: (id, volume) => outcome(commands.setVolume(id, volume)),
  callAgain: () => outcome(commands.callAgain()),
  seeMissed: () => outcome(commands.seeMissed()),
  dismissCall: () => outcome(commands.dismissCall()),
  dismissNotice: (code) => outcome(commands.dismissNotice(code)),
  refreshDevices: () => outcome(commands.refreshDevices()),
  beginTrial: () => outcome(commands.beginTrial()),
  endTrial: () => outcome(commands.endTrial()),
  checkSetup: () => outcome(commands.checkSetup()),
  setAutostart: (on) => outcome(commands.setAutostart(on)),
  dismissLink: () => outcome(commands.dismissLink()),
  showMain: () => outcome(commands.showMain()),
});
