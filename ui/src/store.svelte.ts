import { getContext, setContext } from "svelte";

import type { AppView, Bridge, Outcome, Problem } from "./bridge";

/** The latest view, and the last thing that could not be done. Rust owns the truth: nothing here is worked out or guessed. */
export class Store {
  #view = $state.raw<AppView | null>(null);
  #problem = $state.raw<Problem | null>(null);

  constructor(readonly bridge: Bridge) {}

  get view(): AppView | null {
    return this.#view;
  }

  /** Why the last request could not be carried out, unless its own form shows it. */
  get problem(): Problem | null {
    return this.#problem;
  }

  /** Listens for changes and then asks for a snapshot, so that no change falls between. */
  async open(): Promise<() => void> {
    const stop = await this.bridge.listen((view) => this.#accept(view));
    this.#accept(await this.bridge.view());
    return stop;
  }

  /** Keeps what came of a request, for the notice that says so. */
  async act(outcome: Outcome): Promise<void> {
    this.#problem = await outcome;
  }

  forgetProblem(): void {
    this.#problem = null;
  }

  /** The snapshot and the changes cross on the way: whichever is older is dropped. */
  #accept(view: AppView): void {
    if (this.#view && view.revision <= this.#view.revision) return;
    this.#view = view;
  }
}

const key = Symbol("store");

export const provideStore = (store: Store): Store => setContext(key, store);
export const useStore = (): Store => getContext<Store>(key);
