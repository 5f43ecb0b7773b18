import type { Answer, Refusal } from "./api";

/** Something that is asked for and shown. What was there stays while it is asked for again; of two answers the one to the later question counts. */
export class Loaded<T> {
  value = $state.raw<T | null>(null);
  refused = $state.raw<Refusal | null>(null);
  busy = $state(true);
  #asked = 0;

  constructor(readonly ask: (byItself: boolean) => Promise<Answer<T>>) {}

  /** Asks; `byItself` where nobody has asked for it. */
  async load(byItself = false): Promise<void> {
    const number = ++this.#asked;
    this.busy = true;
    const { value, refused } = await this.ask(byItself);
    if (number !== this.#asked) return;
    this.refused = refused;
    if (!refused) this.value = value;
    this.busy = false;
  }
}
