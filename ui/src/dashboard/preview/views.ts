// Calls that nobody makes, to show how they would look.

import type { AppView, Bridge, BrandView, CallView } from "../../bridge";
import { moved, NOW, type ScenarioName, scenarios } from "../../bridge/scenarios";
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

/** A brand as the app has it, with its logo as a picture, if there is one. While a colour is being written, what it was before is better than none. */
export const brandOf = ({ name, bg_color, font_color, button_theme }: Omit<Look, "logo">, logo: string | null = null): BrandView => ({
  name,
  app: name,
  logo,
  background: colorOr(bg_color, "#0F3D2E"),
  foreground: colorOr(font_color, "#FFFFFF"),
  lightButtons: button_theme === "light",
});

const colorOr = (text: string, otherwise: string): string => (/^#[0-9a-f]{6}$/i.test(text) ? text : otherwise);

/** The calls of the app's own scenarios that a company sees its brand on. */
const screens = {
  incoming: "incoming",
  talking: "in-call-muted",
  outgoing: "ringing",
  ended: "ended",
  busy: "busy",
  popup: "incoming",
} satisfies Record<string, ScenarioName>;

export type Screen = keyof typeof screens;

export function viewsOf(brand: BrandView, { name, context, now }: { name: string; context: string; now: number }): { screen: Screen; call: CallView; view: AppView }[] {
  return (Object.keys(screens) as Screen[]).flatMap((screen) => {
    const view: AppView = { ...moved(scenarios[screens[screen]], now - NOW), brand };
    return view.call ? [{ screen, view, call: { ...view.call, peerName: name, context } }] : [];
  });
}
