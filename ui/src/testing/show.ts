import { render } from "@testing-library/svelte";

import App from "../App.svelte";
import type { AppView, Bridge, Problem, ProblemCode, WindowLabel } from "../bridge";
import { base, type ScenarioName, scenarios } from "../bridge/scenarios";
import { catalogueFor } from "../catalogue";
import { Store } from "../store.svelte";

/** What a window asked of the app: the request and what it brought. */
export type Asked = [request: string, ...parts: unknown[]];

interface Options {
  label?: WindowLabel;
  lang?: string;
  /** The code that every request is refused with, and what it is about. */
  refuse?: ProblemCode;
  subject?: string | null;
}

/** A bridge that writes down what is asked, and whose view is changed by the test alone. */
export function recorder(first: AppView, { label = "main", refuse, subject = null }: Options = {}) {
  const asked: Asked[] = [];
  let changed: (view: AppView) => void = () => undefined;
  const note = (request: string) => (...parts: unknown[]) => {
    asked.push([request, ...parts]);
    return Promise.resolve<Problem | null>(refuse ? { code: refuse, detail: refuse, subject } : null);
  };
  const bridge: Bridge = {
    label,
    view: () => Promise.resolve(first),
    listen: (listener) => {
      changed = listener;
      return Promise.resolve(() => undefined);
    },
    signIn: note("signIn"),
    signOut: note("signOut"),
    setPreferences: note("setPreferences"),
    dial: note("dial"),
    answer: note("answer"),
    decline: note("decline"),
    hangUp: note("hangUp"),
    mute: note("mute"),
    hold: note("hold"),
    swap: note("swap"),
    transfer: note("transfer"),
    setVolume: note("setVolume"),
    callAgain: note("callAgain"),
    seeMissed: note("seeMissed"),
    dismissCall: note("dismissCall"),
    dismissNotice: note("dismissNotice"),
    refreshDevices: note("refreshDevices"),
    beginTrial: note("beginTrial"),
    endTrial: note("endTrial"),
    checkSetup: note("checkSetup"),
    setAutostart: note("setAutostart"),
    dismissLink: note("dismissLink"),
    showMain: note("showMain"),
  };
  return { bridge, asked, change: (view: AppView) => changed(view) };
}

/** Shows a window as it is in a scenario, or in a view. */
export async function show(what: ScenarioName | AppView, options: Options = {}) {
  const { bridge, asked, change } = recorder(typeof what === "string" ? scenarios[what] : what, options);
  const store = new Store(bridge);
  const words = catalogueFor(options.lang ?? "en");
  const { container, findByRole, queryByRole } = render(App, { props: { store, words } });
  await store.open();
  const find = (selector: string): HTMLElement => {
    const found = container.querySelector<HTMLElement>(selector) ?? document.querySelector<HTMLElement>(selector);
    if (!found) throw new Error(`no ${selector} in\n${container.innerHTML}`);
    return found;
  };
  return {
    asked,
    words,
    store,
    container,
    find,
    has: (selector: string) => document.querySelector(selector) !== null,
    action: (name: string) => find(`[data-action="${name}"]`),
    field: (name: string) => find(`[data-field="${name}"]`) as HTMLInputElement,
    screen: () => find("[data-screen]").dataset.screen,
    findByRole,
    queryByRole,
    change,
  };
}

/** The view of somebody who is signed in and does nothing. */
export const idle = base;
