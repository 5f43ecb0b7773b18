// The app without Rust, for a plain browser: a small life in which calls ring, are answered and end. The app's build leaves it out.

import type { AnswerHow, AppView, CallPhase, CallView, EndReason, Problem, ProblemCode } from "./bindings";
import type { Bridge, Outcome } from "./index";
import { base, checks, isScenario, moved, NOW, scenarios } from "./scenarios";

/** How long the other side takes, in milliseconds. */
const pace = { trial: 50, signIn: 700, reach: 900, pickUp: 2_500, connect: 500, check: 900, ringOut: 35_000 };

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
  let tried: ReturnType<typeof setTimeout> | undefined;

  const change = (changed: Partial<AppView>): void => {
    view = { ...view, ...changed, revision: view.revision + 1 };
    for (const listener of listeners) listener(view);
  };
  const after = (milliseconds: number, happens: () => void): void => {
    clearTimeout(next);
    next = setTimeout(happens, milliseconds);
  };
  /** The call of this id, or else the one in front. */
  const find = (id: string): CallView | null => (view.other?.id === id ? view.other : view.call);
  const update = (id: string, changed: Partial<CallView>): void => {
    const call = find(id);
    if (call && call === view.other) change({ other: { ...call, ...changed } });
    else if (call) change({ call: { ...call, ...changed } });
  };
  const nameOf = (peer: string): string | null => view.recent.find((earlier) => earlier.peer === peer)?.peerName ?? null;
  /** Ends a call. The one that is left comes to front; what was not this user's doing is told beside it. */
  const end = (id: string, reason: EndReason, { own = false, transferredTo = null as string | null } = {}): void => {
    clearTimeout(next);
    const call = find(id);
    if (!call || call.phase.state === "ended") return;
    const seconds = call.phase.state === "talking" ? Math.floor((Date.now() - call.phase.since) / 1000) : null;
    const { direction, peer, peerName, context, transferredBy, otherDevice } = call;
    const isMissed = direction === "incoming" && seconds === null && reason === "missed";
    const ended: CallView = { ...call, phase: { state: "ended", reason, seconds }, answering: null, transferredTo, canCallAgain: true };
    const left = [view.call, view.other].find((other) => other && other !== call && other.phase.state !== "ended") ?? null;
    change({
      call: left ? { ...left, answering: left.answering && "simply" } : ended,
      other: left && !own && !isMissed ? ended : null,
      recent: [{ id: call.id, direction, peer, peerName, context, at: Date.now(), seconds, reason, isMissed, transferredBy, transferredTo, otherDevice }, ...view.recent],
      missed: view.missed + Number(isMissed),
    });
  };
  const talk = (id: string): void => {
    update(id, { phase: { state: "connecting" }, answering: null });
    after(pace.connect, () => update(id, { phase: { state: "talking", since: Date.now(), interrupted: false } }));
  };
  const answer = (id: string, how: AnswerHow): void => {
    const call = find(id);
    const current = call === view.call ? view.other : view.call;
    if (!call) return;
    if (current && current.answering === null && current.phase.state !== "ended") {
      if (how === "endCurrent" || current.phase.state !== "talking") end(current.id, "hungUp", { own: true });
      else change({ call, other: { ...current, holding: "thisSide", quality: null, notice: null } });
    }
    talk(call.id);
  };
  const hold = (id: string, on: boolean): void => {
    const [call, other] = [find(id), view.other];
    if (!call) return;
    if (on || !other || other.phase.state === "ended") return update(id, { holding: on ? "thisSide" : "nobody" });
    const set = call === view.call ? other : view.call;
    change({ call: { ...call, holding: "nobody" }, other: set && { ...set, holding: "thisSide", quality: null, notice: null } });
  };
  const call = (peer: string, context: string): void => {
    const id = crypto.randomUUID();
    const phase: CallPhase = { state: "calling" };
    const held = view.call && view.call.phase.state !== "ended" ? view.call : null;
    change({ call: { ...blank, id, peer, peerName: nameOf(peer), context, phase }, other: held });
    after(pace.reach, () => {
      update(id, { phase: { state: "ringing" } });
      after(pace.pickUp, () => talk(id));
    });
  };

  /** Five seconds of speech, and the same again. */
  const trial = (round: number): void => {
    const [rounds, level] = [5_000 / pace.trial, Math.round(55 + 35 * Math.sin(round / 3))];
    if (round === 2 * rounds) return change({ trial: { step: "over", level: 0 } });
    change({ trial: { step: round < rounds ? "listening" : "playing", level } });
    tried = setTimeout(() => trial(round + 1), pace.trial);
  };

  const rings = [view.other, view.call].find((found) => found?.phase.state === "ringing");
  if (rings) after(pace.ringOut, () => end(rings.id, rings.direction === "incoming" ? "missed" : "ringTimeout"));

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
      if (!form.apiKey && !view.settings.hasApiKey) return no("apiKeyMissing");
      if (code) return no(code);
      const { apiKey, ...known } = form;
      change({ session: { state: "signingIn" }, settings: { ...view.settings, ...known, hasApiKey: view.settings.hasApiKey || apiKey !== "" } });
      after(pace.signIn, () => change({ session: { state: "ready", cuid: form.cuid, name: form.name || null, kept: true } }));
      return yes();
    },
    signOut: () => {
      clearTimeout(next);
      change({ session: { state: "signedOut", problem: null }, call: null, other: null, settings: { ...view.settings, hasApiKey: false } });
      return yes();
    },
    setPreferences: (form) => {
      const tones = [form.outgoingTone, form.ringtone];
      const unplayable = tones.find((tone) => tone && !/\.(mp3|ogg|wav)$/i.test(tone));
      if (unplayable) return no("invalidToneFile", unplayable.split("/").at(-1));
      const { ringWhenClosed, ...kept } = form;
      const distributors = ringWhenClosed ? view.settings.distributors : [];
      const by = distributors.length ? (distributors.find(({ id }) => id === kept.distributor) ?? distributors[0])?.name ?? null : "kde";
      change({ settings: { ...view.settings, ...kept, distributors, wake: ringWhenClosed ? { state: "works", by } : { state: "off" } } });
      return yes();
    },
    dial: (cuid, context) => {
      const code = refusal(cuid);
      if (code) return no(code);
      if ("cuid" in view.session && cuid === view.session.cuid) return no("canNotCallSelf");
      if (!/^[\p{L}\p{M}\p{N}]+( [\p{L}\p{M}\p{N}]+)*$/u.test(context) || context.length > 64) return no("callContextInvalid");
      // One call at a time, unless it is on hold.
      if (view.call && view.call.phase.state !== "ended" && (view.call.holding === "nobody" || view.other)) return no("ongoingCall");
      call(cuid, context);
      return yes();
    },
    answer: (id, how) => (answer(id, how), yes()),
    decline: (id) => (end(id, "declined", { own: true }), yes()),
    hangUp: (id) => (end(id, find(id)?.phase.state === "talking" ? "hungUp" : "cancelled", { own: true }), yes()),
    mute: (id, muted) => (update(id, { muted }), yes()),
    hold: (id, on) => (hold(id, on), yes()),
    swap: () => (view.other && hold(view.other.id, false), yes()),
    transfer: (id, to) => {
      const code = refusal(to);
      if (code) return no(code);
      if (("cuid" in view.session && to === view.session.cuid) || to === find(id)?.peer) return no("canNotCallSelf");
      if (!nameOf(to)) return no("contactNotReachable");
      end(id, "handedOver", { transferredTo: nameOf(to) });
      return yes();
    },
    setVolume: (id, volume) => (update(id, { volume }), yes()),
    callAgain: () => {
      const ended = [view.call, view.other].find((found) => found?.canCallAgain);
      if (ended) call(ended.peer, ended.context);
      return yes();
    },
    seeMissed: () => (change({ missed: 0 }), yes()),
    dismissCall: () => (change(view.call?.phase.state === "ended" ? { call: null } : { other: null }), yes()),
    dismissNotice: (code) => (change({ notices: view.notices.filter((notice) => notice.code !== code) }), yes()),
    refreshDevices: yes,
    beginTrial: () => (clearTimeout(tried), trial(0), yes()),
    endTrial: () => (clearTimeout(tried), change({ trial: null }), yes()),
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

/** A call of which no more is known. */
const blank: CallView = {
  id: "",
  direction: "outgoing",
  peer: "",
  peerName: null,
  context: "",
  image: null,
  phase: { state: "calling" },
  muted: false,
  quality: null,
  poorNetwork: false,
  notice: null,
  microphone: null,
  holding: "nobody",
  answering: null,
  transferredBy: null,
  connectedBy: null,
  transferredTo: null,
  otherDevice: null,
  devices: { microphone: { name: null, news: null }, speaker: { name: null, news: null } },
  volume: 100,
  canCallAgain: false,
};
