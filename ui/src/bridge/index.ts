// What the screens may ask of the app, and what the app tells them. `tauri.ts` carries it to Rust; `fake.ts` plays it in a plain browser.

import type { AnswerHow, AppView, PreferencesForm, Problem, ProblemCode, SignInForm } from "./bindings";

export type {
  AnswerHow,
  Answering,
  AppView,
  BrandView,
  CallPhase,
  CallView,
  Device,
  DeviceNews,
  DevicesView,
  Direction,
  EndReason,
  Finding,
  Holding,
  LineNotice,
  LinkView,
  MicrophoneNote,
  PreferencesForm,
  Problem,
  ProblemCode,
  Quality,
  RecentCall,
  SessionView,
  SettingsView,
  SetupCheck,
  SetupView,
  SignInForm,
  TrialFailure,
  TrialStep,
  TrialView,
  UsedDevice,
  Verdict,
} from "./bindings";

/** What came of a request: nothing to say, or why it could not be carried out. */
export type Outcome = Promise<Problem | null>;

/** Which window this page is: the app's own, or the small one of an incoming call. */
export type WindowLabel = "main" | "incoming";

export interface Bridge {
  readonly label: WindowLabel;
  /** Gives everything that the windows show. */
  view(): Promise<AppView>;
  /** Tells of every change from now on; the answer stops it. */
  listen(changed: (view: AppView) => void): Promise<() => void>;
  signIn(form: SignInForm): Outcome;
  signOut(): Outcome;
  setPreferences(form: PreferencesForm): Outcome;
  dial(cuid: string, context: string): Outcome;
  /** Answers a call; the one that the user is in is held or ended. */
  answer(id: string, how: AnswerHow): Outcome;
  decline(id: string): Outcome;
  hangUp(id: string): Outcome;
  mute(id: string, muted: boolean): Outcome;
  /** Holds a call, or goes on with it and holds the other. */
  hold(id: string, on: boolean): Outcome;
  /** Goes on with the call that is held, and holds the other. */
  swap(): Outcome;
  /** Hands the other side of a call over to somebody else. */
  transfer(id: string, to: string): Outcome;
  /** Makes the other side louder or softer for this user: 0 is silent, 100 as it comes, 200 the most. */
  setVolume(id: string, volume: number): Outcome;
  callAgain(): Outcome;
  /** Notes that the user has seen which calls were missed. */
  seeMissed(): Outcome;
  dismissCall(): Outcome;
  dismissNotice(code: ProblemCode): Outcome;
  refreshDevices(): Outcome;
  /** Lets the user hear what the microphone hears; the view says how far that is. */
  beginTrial(): Outcome;
  endTrial(): Outcome;
  /** Looks whether everything that calls need is there; the view says what was found. */
  checkSetup(): Outcome;
  setAutostart(on: boolean): Outcome;
  dismissLink(): Outcome;
  showMain(): Outcome;
}

/** Opens the way to Rust in the app, and to the fake one wherever else the page is shown. The app's build leaves the fake one out. */
export async function openBridge(): Promise<Bridge> {
  if (import.meta.env.MODE === "production") return (await import("./tauri")).tauriBridge();
  return (await import("./fake")).fakeBridge(new URLSearchParams(location.search));
}
