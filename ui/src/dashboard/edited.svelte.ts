import { type Answer, type AuditEntry, type AuditPage, get, part, put, type Refusal } from "./api";

/** Somebody else has saved something since this page was opened. */
export interface Stale<T> {
  /** What is there now, and the name of its version. */
  theirs: T;
  version: string | null;
  /** Who has saved it, where an operator has. */
  by: AuditEntry | null;
}

/** Something that several people edit: it is saved over the version that was seen, and over no other. */
export class Edited<T> {
  refused = $state.raw<Refusal | null>(null);
  stale = $state.raw<Stale<T> | null>(null);
  busy = $state(false);
  done = $state(false);
  #version: string | null = null;
  /** The last entry of the account's audit log that was there before. */
  #seen = 0;

  constructor(
    readonly account: string,
    /** Where it is read and saved. */
    readonly path: string,
    /** What the audit log calls saving it. */
    readonly action: string,
  ) {}

  async load(): Promise<T | null> {
    // Before it is read: what is saved between the two is in what is read.
    this.#seen = (await this.#log())[0]?.number ?? 0;
    const answer = await get<T>(this.path);
    this.refused = answer.refused;
    if (answer.value) this.#version = answer.version;
    return answer.value;
  }

  /** Saves it over what was seen, or over what somebody else has saved since once that was seen (`over`). */
  async save(body: unknown, over: string | null = this.#version): Promise<T | null> {
    [this.busy, this.done] = [true, false];
    const answer = await put<T>(this.path, body, over);
    this.stale = answer.refused?.code === "changed" ? await this.#look() : null;
    // Where what is there now cannot be read, it is said why nothing was saved.
    this.refused = this.stale ? null : answer.refused;
    [this.busy, this.done] = [false, !answer.refused];
    if (answer.value) await this.#keep(answer);
    return answer.value;
  }

  /** Goes on with what somebody else has saved. */
  take(): T | null {
    if (!this.stale) return null;
    const { theirs, version, by } = this.stale;
    this.#version = version;
    this.#seen = Math.max(this.#seen, by?.number ?? 0);
    this.stale = null;
    return theirs;
  }

  async #keep(answer: Answer<T>): Promise<void> {
    this.#version = answer.version;
    this.#seen = (await this.#log())[0]?.number ?? this.#seen;
  }

  async #look(): Promise<Stale<T> | null> {
    const [answer, log] = [await get<T>(this.path), await this.#log()];
    if (!answer.value) return null;
    const by = log.find(({ number, action, outcome }) => number > this.#seen && action === this.action && outcome === "done") ?? null;
    return { theirs: answer.value, version: answer.version, by };
  }

  async #log(): Promise<AuditEntry[]> {
    return (await get<AuditPage>(`audit?account=${part(this.account)}`)).value?.entries ?? [];
  }
}
