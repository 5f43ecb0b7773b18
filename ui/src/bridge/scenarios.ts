// Views as Rust would make them, by name: where the fake bridge starts, what pictures are taken of, what tests render.

import type { AppView, CallPhase, CallView, DevicesView, EndReason, ProblemCode, RecentCall, SessionView, SetupCheck } from "./bindings";
import { face, logo } from "./pictures";

/** A fixed moment for all that is shown: Wednesday, 18 November 2026, 09:45 UTC. */
export const NOW = Date.UTC(2026, 10, 18, 9, 45);

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

/** Nobody has transferred anybody, and no other device has had a part in it. */
const plain = { transferredBy: null, transferredTo: null, otherDevice: null };

const recent: RecentCall[] = [
  {
    id: "r1",
    direction: "incoming",
    peer: "courier_8842",
    peerName: "Amira Haddad",
    context: "Delivery partner is calling",
    at: NOW - 4 * MINUTE,
    seconds: 134,
    reason: "hungUp",
    isMissed: false,
    ...plain,
  },
  {
    id: "r2",
    direction: "outgoing",
    peer: "agent_310",
    peerName: "Jonas Okafor",
    context: "Order 4711 question",
    at: NOW - 33 * MINUTE,
    seconds: 71,
    reason: "hungUp",
    isMissed: false,
    ...plain,
  },
  {
    id: "r3",
    direction: "incoming",
    peer: "support_desk",
    peerName: "Support desk",
    context: "Refund call back",
    at: NOW - DAY,
    seconds: null,
    reason: "missed",
    isMissed: true,
    ...plain,
  },
  {
    id: "r4",
    direction: "outgoing",
    peer: "courier_1207",
    peerName: "Lucía Marín",
    context: "Driver is outside",
    at: NOW - DAY - 40 * MINUTE,
    seconds: null,
    reason: "busy",
    isMissed: false,
    ...plain,
  },
  {
    id: "r5",
    direction: "outgoing",
    peer: "echo_test",
    peerName: "Echo",
    context: "Check my sound",
    at: NOW - 5 * DAY,
    seconds: 32,
    reason: "hungUp",
    isMissed: false,
    ...plain,
  },
];

const ready: SessionView = { state: "ready", cuid: "org_25", name: "Noor Salim", kept: true };

export const base: AppView = {
  revision: 1,
  session: ready,
  call: null,
  other: null,
  recent,
  brand: { name: "Parcelo", app: "Signed Call", logo: null, background: "#0F3D2E", foreground: "#FFFFFF", lightButtons: true },
  settings: {
    serviceUrl: "wss://calls.parcelo.example",
    accountId: "parcelo",
    hasApiKey: true,
    cuid: "org_25",
    name: "Noor Salim",
    production: true,
    microphones: [
      { id: "headset", name: "Headset Microphone", isDefault: true },
      { id: "built-in", name: "Built-in Microphone", isDefault: false },
    ],
    speakers: [
      { id: "headset", name: "Headset", isDefault: true },
      { id: "laptop", name: "Laptop Speakers", isDefault: false },
    ],
    microphone: null,
    speaker: "laptop",
    ringSpeaker: null,
    echoCancellation: true,
    noiseSuppression: true,
    gainControl: true,
    outgoingTone: null,
    ringtone: null,
    secondCalls: true,
    autostart: false,
    wake: { state: "off" },
    distributors: [],
    distributor: null,
  },
  notices: [],
  missed: 0,
  setup: { checking: false, checks: [] },
  link: null,
  trial: null,
};

/** A computer on which nearly all is well. */
export const checks: SetupCheck[] = [
  { finding: "soundSystemWorks", verdict: "good", about: null },
  { finding: "microphoneSilent", verdict: "odd", about: "Headset Microphone" },
  { finding: "speakerWorks", verdict: "good", about: "Laptop Speakers" },
  { finding: "notificationsWork", verdict: "good", about: "gnome-shell" },
  { finding: "keyringWorks", verdict: "good", about: null },
  { finding: "trayAbsent", verdict: "odd", about: null },
  { finding: "serviceReachable", verdict: "good", about: "wss://calls.parcelo.example" },
  { finding: "lineWeak", verdict: "odd", about: "62" },
  { finding: "credentialsAccepted", verdict: "good", about: null },
  { finding: "environmentProduction", verdict: "good", about: null },
];

/** And one on which no call is to be had. */
const ailing: SetupCheck[] = [
  { finding: "soundSystemAbsent", verdict: "wrong", about: null },
  { finding: "microphoneAbsent", verdict: "wrong", about: null },
  { finding: "speakerAbsent", verdict: "wrong", about: null },
  { finding: "notificationsAbsent", verdict: "odd", about: null },
  { finding: "keyringAbsent", verdict: "odd", about: null },
  { finding: "trayWorks", verdict: "good", about: null },
  { finding: "serviceNameUnknown", verdict: "wrong", about: "wss://calls.parcelo.exmaple" },
  { finding: "lineUnmeasured", verdict: "odd", about: null },
  { finding: "credentialsUntried", verdict: "odd", about: null },
  { finding: "environmentUntried", verdict: "odd", about: null },
];

const fresh: AppView = {
  ...base,
  session: { state: "signedOut", problem: null },
  recent: [],
  settings: {
    ...base.settings,
    serviceUrl: "",
    accountId: "",
    hasApiKey: false,
    cuid: "",
    name: "",
    production: false,
  },
};

const headset: DevicesView = { microphone: { name: "Headset Microphone", news: null }, speaker: { name: "Headset", news: null } };

const amira: CallView = {
  id: "c1",
  direction: "incoming",
  peer: "courier_8842",
  peerName: "Amira Haddad",
  context: "Delivery partner is calling",
  image: null,
  phase: { state: "ringing" },
  muted: false,
  quality: null,
  poorNetwork: false,
  notice: null,
  microphone: null,
  holding: "nobody",
  answering: "simply",
  ...plain,
  connectedBy: null,
  devices: headset,
  volume: 100,
  canCallAgain: false,
};

const jonas: CallView = {
  ...amira,
  answering: null,
  id: "c2",
  direction: "outgoing",
  peer: "agent_310",
  peerName: "Jonas Okafor",
  context: "Order 4711 question",
};

const talking: CallPhase = { state: "talking", since: NOW - 134_000, interrupted: false };

const answered = { phase: talking, answering: null, quality: "good" } satisfies Partial<CallView>;

/** Amira, to whom this user talks. */
const talk: CallView = { ...amira, ...answered };

/** And somebody else, who is on hold since before. */
const held: CallView = {
  ...amira,
  id: "c3",
  peer: "support_desk",
  peerName: "Support desk",
  context: "Refund call back",
  phase: { state: "talking", since: NOW - 612_000, interrupted: false },
  holding: "thisSide",
  answering: null,
};

/** Or who calls meanwhile. */
const waiting: CallView = { ...held, phase: { state: "ringing" }, holding: "nobody", answering: "holdOrEnd" };

const beside = (other: CallView, changed: Partial<CallView> = {}, view: AppView = base): AppView => ({
  ...view,
  call: { ...talk, ...changed },
  other,
});

const calling = (call: CallView, changed: Partial<CallView> = {}, view: AppView = base): AppView => ({
  ...view,
  call: { ...call, ...changed },
});
const ended = (call: CallView, reason: EndReason, seconds: number | null = null): AppView =>
  calling(call, { phase: { state: "ended", reason, seconds }, answering: null, canCallAgain: true });
const refused = (code: ProblemCode, settings = base.settings): AppView => ({
  ...base,
  session: { state: "signedOut", problem: { code, detail: code, subject: null } },
  settings,
});

const LONG_NAME = "Maximiliane-Alexandra von Hohenstein-Wittgenburg";
const LONG_REASON = "Question about the delivery window of order 471147114711 tomorrow";
/** Twenty-five characters, and sixty-four. */
const NAME_OF_25 = "Konstantinos Papadopoulos";
const REASON_OF_64 = "Delivery window for order 471147 on Friday has to be moved today";
/** Sixty-four characters. */
const DEVICE_OF_64 = "The old laptop that stands on the kitchen table beside the radio";
const DEVICE_IN_ARABIC = "حاسوب المطبخ";
const LIGHT_BRAND = { ...base.brand, name: "Marigold", background: "#F6EFE4", foreground: "#2B1D0E", lightButtons: false };

const arabic: CallView = { ...amira, peerName: "أميرة حداد", context: "مندوب التوصيل يتصل بك" };

export const scenarios = {
  "sign-in": fresh,
  "sign-in-kept": { ...base, session: { state: "signedOut", problem: null } },
  "sign-in-field-error": refused("invalidCuid", { ...base.settings, cuid: "91_8899555" }),
  "sign-in-refused": refused("contactRegistrationFailed"),
  "signing-in": { ...base, session: { state: "signingIn" } },
  home: base,
  "home-missed": { ...base, missed: 2 },
  "home-empty": { ...base, recent: [] },
  "home-reconnecting": { ...base, session: { ...ready, state: "reconnecting" } },
  "home-session-only": { ...base, session: { ...ready, kept: false } },
  "home-notices": {
    ...base,
    notices: [
      { code: "notificationsAbsent", detail: "", subject: null },
      { code: "toneFileLost", detail: "", subject: "morning bells.ogg" },
    ],
  },
  "home-long": {
    ...base,
    session: { ...ready, name: LONG_NAME },
    recent: recent.map((call, index) => (index % 2 ? call : { ...call, peerName: LONG_NAME, context: LONG_REASON })),
  },
  "home-transferred": {
    ...base,
    recent: recent.map((call, index) => (index ? call : { ...call, reason: "handedOver", transferredBy: "Support desk", transferredTo: "Jonas Okafor" })),
  },
  "home-elsewhere": {
    ...base,
    recent: recent.map((call, index) => {
      if (index > 2) return call;
      const reason = index === 1 ? "declinedElsewhere" : "answeredElsewhere";
      const otherDevice = [DEVICE_OF_64, DEVICE_IN_ARABIC, "Kitchen laptop"][index] ?? null;
      return { ...call, direction: "incoming", seconds: null, reason, otherDevice, isMissed: false };
    }),
  },
  "settings-ring-speaker": { ...base, settings: { ...base.settings, ringSpeaker: "laptop" } },
  "settings-rings-when-closed": { ...base, settings: { ...base.settings, wake: { state: "works", by: "kde" } } },
  "settings-rings-by-itself": { ...base, settings: { ...base.settings, wake: { state: "works", by: null } } },
  "settings-distributors": {
    ...base,
    settings: {
      ...base.settings,
      wake: { state: "works", by: "kde" },
      distributors: [
        { id: "org.unifiedpush.Distributor.kde", name: "kde" },
        { id: "org.unifiedpush.Distributor.ntfy", name: "ntfy" },
        { id: "org.signedcall.desktop.Distributor", name: null },
      ],
    },
  },
  "settings-no-distributor": { ...base, settings: { ...base.settings, wake: { state: "noDistributor" } } },
  "settings-trial-listening": { ...base, trial: { step: "listening", level: 62 } },
  "settings-trial-playing": { ...base, trial: { step: "playing", level: 48 } },
  "settings-trial-over": { ...base, trial: { step: "over", level: 0 } },
  "settings-trial-failed": { ...base, trial: { step: { failed: { why: "noMicrophone" } }, level: 0 } },
  "settings-no-devices": {
    ...base,
    settings: { ...base.settings, microphones: [], speakers: [], outgoingTone: "/home/noor/Music/waiting.ogg" },
  },
  "help-checked": { ...base, setup: { checking: false, checks } },
  "help-checking": { ...base, setup: { checking: true, checks: [] } },
  "sign-in-help": { ...fresh, setup: { checking: false, checks: ailing } },
  "sign-in-link": { ...fresh, link: { cuid: "courier_8842", name: null, context: "Order 4711 question" } },
  "link-asks": { ...base, link: { cuid: "courier_8842", name: "Amira Haddad", context: "Order 4711 question" } },
  "link-asks-why": { ...base, link: { cuid: "courier_8842", name: null, context: null } },
  calling: calling(jonas, { phase: { state: "calling" } }),
  ringing: calling(jonas),
  "ringing-poor-network": calling(jonas, { poorNetwork: true }),
  incoming: calling(amira),
  "incoming-poor-network": calling(amira, { poorNetwork: true }),
  "incoming-nameless": calling(amira, { peerName: null }),
  "incoming-long": calling(amira, { peerName: LONG_NAME, context: LONG_REASON }),
  "incoming-picture": calling(amira, { image: face }, { ...base, brand: { ...base.brand, logo } }),
  "incoming-light-brand": calling(amira, {}, { ...base, brand: LIGHT_BRAND }),
  "incoming-arabic": calling(arabic),
  "incoming-two": { ...calling(amira), other: { ...waiting, answering: "simply" } },
  "incoming-transferred": calling(amira, { transferredBy: "Jonas Okafor" }),
  "incoming-connected": calling(amira, { connectedBy: "Parcelo" }),
  "incoming-connected-long": calling(amira, { peerName: LONG_NAME, context: LONG_REASON, connectedBy: "Parcelo" }),
  "ringing-connected": calling(jonas, { connectedBy: "Parcelo" }),
  "ringing-transferred": calling(jonas, { transferredBy: "Amira Haddad" }),
  connecting: calling(amira, { phase: { state: "connecting" }, answering: null }),
  "in-call": calling(talk),
  "in-call-weak": calling(talk, { quality: "weak", microphone: "silent" }),
  "in-call-too-loud": calling(talk, { quality: "good", microphone: "clipping" }),
  "in-call-losing": calling(talk, { quality: "weak", notice: "losingPackets" }),
  "in-call-losing-arabic": calling({ ...talk, peerName: arabic.peerName, context: arabic.context }, { quality: "poor", notice: "notAllIsHeard" }),
  "in-call-poor": calling(talk, { quality: "poor", muted: true, microphone: "talkingWhileMuted" }),
  "in-call-moved": calling(talk, {
    devices: { microphone: { name: "Built-in Microphone", news: "changed" }, speaker: { name: "Laptop Speakers", news: "changed" } },
  }),
  "in-call-no-devices": calling(talk, { devices: { microphone: { name: null, news: "gone" }, speaker: { name: null, news: "gone" } } }),
  "in-call-loud": calling(talk, { volume: 150 }),
  "in-call-muted": calling(talk, { quality: "good", muted: true }),
  "in-call-interrupted": calling(talk, { phase: { ...talking, interrupted: true }, muted: true }),
  "in-call-light-brand": calling(talk, { quality: "good", muted: true }, { ...base, brand: LIGHT_BRAND }),
  "in-call-held": calling(talk, { holding: "thisSide", quality: null }),
  "in-call-on-hold": calling(talk, { holding: "otherSide", quality: null, muted: true }),
  "in-call-both-hold": calling(talk, { holding: "both", quality: null }, { ...base, brand: LIGHT_BRAND }),
  "in-call-waiting": beside(waiting),
  "in-call-waiting-long": beside({ ...waiting, peerName: NAME_OF_25, context: REASON_OF_64 }, { peerName: NAME_OF_25, context: REASON_OF_64, muted: true }),
  "in-call-waiting-light-brand": beside(waiting, {}, { ...base, brand: LIGHT_BRAND }),
  "in-call-waiting-transferred": beside({ ...waiting, transferredBy: "Jonas Okafor" }),
  "in-call-waiting-arabic": beside({ ...waiting, peerName: "مكتب الدعم", context: "معاودة الاتصال بخصوص المبلغ المسترد" }, { peerName: arabic.peerName, context: arabic.context }),
  "in-call-held-waiting": beside(waiting, { holding: "thisSide", quality: null }),
  "in-call-beside": beside(held),
  "in-call-beside-long": beside({ ...held, peerName: NAME_OF_25, context: REASON_OF_64 }, { peerName: NAME_OF_25, context: REASON_OF_64 }),
  "in-call-beside-light-brand": beside(held, {}, { ...base, brand: LIGHT_BRAND }),
  "in-call-beside-ended": beside(
    { ...held, phase: { state: "ended", reason: "remoteNetworkLoss", seconds: 95 }, holding: "nobody", canCallAgain: true },
    { holding: "thisSide", quality: null },
  ),
  "calling-beside": { ...calling(jonas), other: held },
  "calling-waiting": { ...calling(jonas, { phase: { state: "calling" } }), other: { ...waiting, answering: "end" } },
  ended: ended(amira, "hungUp", 134),
  "ended-handed-over": ended({ ...amira, transferredTo: "Jonas Okafor" }, "handedOver", 134),
  "ended-transferred": ended(amira, "transferred", 134),
  "ended-elsewhere": ended({ ...amira, otherDevice: DEVICE_OF_64 }, "answeredElsewhere"),
  "ended-elsewhere-arabic": ended({ ...arabic, otherDevice: DEVICE_IN_ARABIC }, "declinedElsewhere"),
  "ended-no-answer": ended(jonas, "ringTimeout"),
  "ended-network": ended(amira, "localNetworkLoss", 3_725),
  "ended-not-placed": ended(jonas, { notPlaced: { code: "microphonePermissionNotGranted" } }),
  busy: ended(jonas, "busy"),
} satisfies Record<string, AppView>;

export type ScenarioName = keyof typeof scenarios;

export const isScenario = (name: string): name is ScenarioName => Object.hasOwn(scenarios, name);

/** The same view, some milliseconds later. */
export function moved(view: AppView, by: number): AppView {
  const recent = view.recent.map((call) => ({ ...call, at: call.at + by }));
  const later = (call: CallView | null): CallView | null =>
    call?.phase.state === "talking" ? { ...call, phase: { ...call.phase, since: call.phase.since + by } } : call;
  return { ...view, recent, call: later(view.call), other: later(view.other) };
}
