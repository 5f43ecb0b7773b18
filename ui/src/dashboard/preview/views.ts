// Calls that nobody makes, to show how they would look.

import type { AppView, Bridge, BrandView, CallView, SettingsView } from "../../bridge";
import type { Look } from "../api";

const nothing = () => Promise.resolve(null);

/** A way to an app that is not there. */
export const silent: Bridge = {
  label: "main",
  view: () => Promise.reject(new Error("there is no app here")),
  listen: () => Promise.resolve(() => undefined),
  signIn: nothing,
  signOut: nothing,
  setPreferences: nothing,
  dial: nothing,
  answer: nothing,
  decline: nothing,
  hangUp: nothing,
  mute: nothing,
  hold: nothing,
  swap: nothing,
  transfer: nothing,
  setVolume: nothing,
  callAgain: nothing,
  seeMissed: nothing,
  dismissCall: nothing,
  dismissNotice: nothing,
  refreshDevices: nothing,
  beginTrial: nothing,
  endTrial: nothing,
  checkSetup: nothing,
  setAutostart: nothing,
  dismissLink: nothing,
  showMain: nothing,
};

/** A brand as the app has it. While a colour is being written, what it was before is better than none. */
export const brandOf = ({ name, bg_color, font_color, button_theme }: Omit<Look, "logo">): BrandView => ({
  name,
  app: name,
  logo: null,
  background: colorOr(bg_color, "#0F3D2E"),
  foreground: colorOr(font_color, "#FFFFFF"),
  lightButtons: button_theme === "light",
});

const colorOr = (text: string, otherwise: string): string => (/^#[0-9a-f]{6}$/i.test(text) ? text : otherwise);

export type Screen = "outgoing" | "incoming" | "popup" | "talking" | "busy" | "ended";

const settings: SettingsView = {
  serviceUrl: "",
  accountId: "",
  hasApiKey: false,
  cuid: "",
  name: "",
  production: true,
  microphones: [],
  speakers: [],
  microphone: null,
  speaker: null,
  ringSpeaker: null,
  voiceProcessing: true,
  outgoingTone: null,
  ringtone: null,
  secondCalls: true,
  autostart: false,
  wake: { state: "off" },
};

/** Every screen that a call goes through. */
export function viewsOf(brand: BrandView, { name, context, now }: { name: string; context: string; now: number }): { screen: Screen; call: CallView; view: AppView }[] {
  const incoming: CallView = {
    id: "preview",
    direction: "incoming",
    peer: "courier_8842",
    peerName: name,
    context,
    image: null,
    phase: { state: "ringing" },
    muted: false,
    quality: null,
    poorNetwork: false,
    notice: null,
    microphone: null,
    holding: "nobody",
    answering: "simply",
    transferredBy: null,
    transferredTo: null,
    otherDevice: null,
    devices: { microphone: { name: null, news: null }, speaker: { name: null, news: null } },
    volume: 100,
    canCallAgain: false,
  };
  const outgoing: CallView = { ...incoming, direction: "outgoing", answering: null };
  const calls: Record<Screen, CallView> = {
    incoming,
    outgoing,
    popup: incoming,
    talking: { ...incoming, answering: null, quality: "good", muted: true, phase: { state: "talking", since: now - 134_000, interrupted: false } },
    busy: { ...outgoing, canCallAgain: true, phase: { state: "ended", reason: "busy", seconds: null } },
    ended: { ...incoming, answering: null, canCallAgain: true, phase: { state: "ended", reason: "hungUp", seconds: 134 } },
  };
  const view: AppView = {
    revision: 1,
    session: { state: "ready", cuid: "", name: null, kept: true },
    call: null,
    other: null,
    recent: [],
    brand,
    settings,
    notices: [],
    missed: 0,
    setup: { checking: false, checks: [] },
    link: null,
    trial: null,
  };
  const order: Screen[] = ["incoming", "talking", "outgoing", "ended", "busy", "popup"];
  return order.map((screen) => ({ screen, call: calls[screen], view }));
}
