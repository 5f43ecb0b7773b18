// The app without Rust, for a plain browser: a small life in which calls ring, are answered and end. The app's build leaves it out.

import type { AppView, CallPhase, CallView, EndReason, Problem, ProblemCode } from "./bindings";
import type { Bridge, Outcome } from "./index";
import { base, checks, isScenario, NOW, scenarios } from "./scenarios";

/** How long the other side takes, in milliseconds. */
const pace = { signIn: 700, reach: 900, pickUp: 2_500, connect: 500, check: 900, ringOut: 35_000 };

/** What the address may ask for: `?scenario=incoming&window=incoming&theme=dark&lang=ar`, and `focus=no` for a window that nobody looks at. */
export function fakeBridge(query: URLSearchParams): Bridge {
  const wanted = query.get("scenario") ?? "home";
  const theme = query.get("theme");
  if (theme) document.documentElement.style.colorScheme = theme;
  if (query.get("focus") === "no") document.hasFocus = () => false;

  // What the views say happened a while ago did, whatever the clock on the wall.
  let view = moved(isScenario(wanted) ? scenarios[wanted] : base, Date.now() - NOW);
  const listeners = new Set<(view: AppView) => void>();
  let next: ReturnType<typeof setTimeout> | undefined;

  const change = (changed: Partial<AppView>): void => {
    view = { ...view, ...changed, revision: view.revision + 1 };
    for (const listener of listeners) listener(view);
  };
  const after = (milliseconds: number, happens: () => void): void => {
    clearTimeout(next);
    next = setTimeout(happens, milliseconds);
  };
  const update = (changed: Partial<CallView>): void => {
    if (view.call) change({ call: { ...view.call, ...changed } });
  };
  const enter = (phase: CallPhase): void => update({ phase });
  const end = (reason: EndReason): void => {
    clearTimeout(next);
    const { call } = view;
    if (!call || call.phase.state === "ended") return;
    const seconds = call.phase.state === "talking" ? Math.floor((Date.now() - call.phase.since) / 1000) : null;
    const { id, direction, peer, peerName, context } = call;
    const isMissed = direction === "incoming" && seconds === null && reason === "missed";
    change({
      call: { ...call, phase: { state: "ended", reason, seconds }, canCallAgain: true },
      recent: [{ id, direction, peer, peerName, context, at: Date.now(), seconds, reason, isMissed }, ...view.recent],
      missed: view.missed + Number(isMissed),
    });
  };
  const talk = (): void => {
    enter({ state: "connecting" });
    after(pace.connect, () => enter({ state: "talking", since: Date.now(), interrupted: false }));
  };
  const call = (peer: string, context: string): void => {
    const peerName = view.recent.find((earlier) => earlier.peer === peer)?.peerName ?? null;
    const phase: CallPhase = { state: "calling" };
    const id = crypto.randomUUID();
    change({ call: { id, direction: "outgoing", peer, peerName, context, image: null, phase, muted: false, quality: null, microphone: null, canCallAgain: false } });
    after(pace.reach, () => {
      enter({ state: "ringing" });
      after(pace.pickUp, talk);
    });
  };

  if (view.call?.phase.state === "ringing") after(pace.ringOut, () => end(view.call?.direction === "incoming" ? "missed" : "ringTimeout"));

  return {
    label: query.get("window") === "incoming" ? "incoming" : "main",
    view: () => Promise.resolve(view),
    listen: (changed) => {
      listeners.add(changed);
      return Promise.resolve(() => void listeners.delete(changed));
    },
    signIn: (form) => {
      const code = refusal(form.cuid);
      if (!form.serviceUrl.startsWith("ws")) return no("invalidServiceUrl");
      if (!form.accountId) return no("accountIdRequired");
      if (!form.apiKey && !view.settings.hasApiKey) return no("apiKeyRequired");
      if (code) return no(code);
      const { apiKey, ...known } = form;
      change({ session: { state: "signingIn" }, settings: { ...view.settings, ...known, hasApiKey: view.settings.hasApiKey || apiKey !== "" } });
      after(pace.signIn, () => change({ session: { state: "ready", cuid: form.cuid, name: form.name || null, kept: true } }));
      return yes();
    },
    signOut: () => {
      clearTimeout(next);
      change({ session: { state: "signedOut", problem: null }, call: null, settings: { ...view.settings, hasApiKey: false } });
      return yes();
    },
    setPreferences: (form) => {
      const tones = [form.outgoingTone, form.ringtone];
      const unplayable = tones.find((tone) => tone && !/\.(mp3|ogg|wav)$/i.test(tone));
      if (unplayable) return no("invalidToneFile", unplayable.split("/").at(-1));
      change({ settings: { ...view.settings, ...form } });
      return yes();
    },
    dial: (cuid, context) => {
      const code = refusal(cuid);
      if (code) return no(code);
      if ("cuid" in view.session && cuid === view.session.cuid) return no("canNotCallSelf");
      if (!/^[\p{L}\p{M}\p{N}]+( [\p{L}\p{M}\p{N}]+)*$/u.test(context) || context.length > 64) return no("callContextInvalid");
      call(cuid, context);
      return yes();
    },
    answer: () => (talk(), yes()),
    decline: () => (end("declined"), yes()),
    hangUp: () => (end(view.call?.phase.state === "talking" ? "hungUp" : "cancelled"), yes()),
    mute: (_id, muted) => (update({ muted }), yes()),
    callAgain: () => {
      if (view.call) call(view.call.peer, view.call.context);
      return yes();
    },
    seeMissed: () => (change({ missed: 0 }), yes()),
    dismissCall: () => (change({ call: null }), yes()),
    dismissNotice: (code) => (change({ notices: view.notices.filter((notice) => notice.code !== code) }), yes()),
    refreshDevices: yes,
    checkSetup: () => {
      change({ setup: { ...view.setup, checking: true } });
      setTimeout(() => change({ setup: { checking: false, checks } }), pace.check);
      return yes();
    },
    setAutostart: (autostart) => (change({ settings: { ...view.settings, autostart } }), yes()),
    dismissLink: () => (change({ link: null }), yes()),
    showMain: yes,
  };
}

const yes = (): Outcome => Promise.resolve(null);
const no = (code: ProblemCode, subject: string | null = null): Outcome => Promise.resolve<Problem>({ code, detail: code, subject });

const refusal = (cuid: string): ProblemCode | null => {
  if (!cuid) return "cuidMissing";
  if (cuid.length < 5 || cuid.length > 50) return "invalidLengthCuid";
  return /^[a-z0-9]\w*$/i.test(cuid) && !/^\d+_\d+$/.test(cuid) ? null : "invalidCuid";
};

/** The same view, some milliseconds later. */
function moved(view: AppView, by: number): AppView {
  const recent = view.recent.map((call) => ({ ...call, at: call.at + by }));
  if (view.call?.phase.state !== "talking") return { ...view, recent };
  return { ...view, recent, call: { ...view.call, phase: { ...view.call.phase, since: view.call.phase.since + by } } };
}
