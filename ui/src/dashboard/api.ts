// What the pages ask of the service. Everything is asked of where they came from; the browser sends the session along.

export type Environment = "production" | "development";

export interface Account {
  id: string;
  name: string;
  bg_color: string;
  font_color: string;
  relay_only: boolean;
  single_device: boolean;
  max_call_seconds: number | null;
  /** Null where the service's limit counts. */
  user_calls_per_minute: number | null;
  account_calls_per_minute: number | null;
}

/** What an account has set for calls of its users. */
export type Policy = Pick<Account, "relay_only" | "single_device" | "max_call_seconds" | "user_calls_per_minute" | "account_calls_per_minute">;

export interface ApiKey {
  id: string;
  environment: Environment;
  created_at: string;
  last_used_at: string | null;
  revoked_at: string | null;
}

export interface NewKey {
  id: string;
  environment: Environment;
  key: string;
}

export interface TokenKey {
  kid: string;
  environment: Environment;
  algorithm: string;
}

export interface QuietHours {
  cuid: string | null;
  environment: Environment;
  from: string;
  to: string;
  utc_offset: string;
}

export interface Contrast {
  ratio: number;
  least: number;
  legible: boolean;
}

export interface Look {
  name: string;
  bg_color: string;
  font_color: string;
  logo: string | null;
  button_theme: "light" | "dark";
}

export interface VoiceReport {
  mos: number;
  lost_per_mille: number;
  round_trip_ms: number | null;
}

export interface Call {
  id: string;
  caller: string;
  callee: string;
  context: string | null;
  state: "open" | "closed";
  placed_at: string;
  answered_at: string | null;
  connected_at: string | null;
  ended_at: string | null;
  end_reason: string | null;
  talked_ms: number | null;
  caller_report: VoiceReport | null;
  callee_report: VoiceReport | null;
}

export interface CallPage {
  calls: Call[];
  next_cursor: string | null;
}

export interface BlockedPage {
  users: { cuid: string; blocked_at: string }[];
  next_cursor: string | null;
}

export interface Slot {
  at: string;
  calls: number;
  answered: number;
  ended: Record<string, number>;
  connecting_ms: number | null;
  lost_per_mille: number | null;
}

export interface Webhook {
  id: string;
  environment: Environment;
  url: string;
  events: string[];
  created_at: string;
  failing_since: string | null;
  off_since: string | null;
}

export interface Delivery {
  id: string;
  at: string;
  took_ms: number;
  status: number | null;
  error: string | null;
}

/** What is shown to Apple, but for its secret. */
export interface Apns {
  environment: Environment;
  bundle_id: string;
  /** Null where there is a certificate. */
  team_id: string | null;
  key_id: string | null;
}

export interface PushDevice {
  device: string;
  /** Null once the user has signed out there. */
  by: string | null;
  since: string;
}

/** What a push service has answered. */
export interface PushTest {
  verdict: string;
  status: number | null;
  reason: string | null;
  said: string | null;
  took_ms: number;
}

export interface AuditEntry {
  number: number;
  at: string;
  operator: string;
  action: string;
  account: string | null;
  environment: string | null;
  subject: string | null;
  outcome: string;
}

export interface AuditPage {
  entries: AuditEntry[];
  next: number | null;
}

export interface Health {
  unready: string | null;
  version: string;
  limits: {
    ring_seconds: number;
    user_calls_per_minute: number | null;
    account_calls_per_minute: number | null;
    api_requests_per_minute: number;
    keep_records_days: number | null;
  };
  metrics: string;
}

/** Why something was not done: a code that the catalogue has words for, and the field that it is about. */
export interface Refusal {
  code: string;
  field: string | null;
}

/** What came of a request. `version` names what is there now, of what has versions (`ETag`). */
export type Answer<T> = { value: T; refused: null; version: string | null } | { value: null; refused: Refusal; version: null };

/** Nobody is signed in any more: the root of the pages shows the sign-in then. */
let signedOut: () => void = () => undefined;
export const whenSignedOut = (tell: () => void): void => void (signedOut = tell);

type Method = "GET" | "POST" | "PUT" | "DELETE";

interface Asked {
  body?: string;
  byItself?: boolean;
  /** Which version is to be changed, and no other. */
  over?: string | null;
}

async function ask<T>(method: Method, path: string, { body, byItself = false, over = null }: Asked = {}): Promise<Answer<T>> {
  try {
    const headers: Record<string, string> = {};
    if (body !== undefined) headers["content-type"] = "application/json";
    if (byItself) headers["x-by-itself"] = "yes";
    if (over !== null) headers["if-match"] = over;
    const response = await fetch(`/api/${path}`, { method, headers, body, credentials: "same-origin", cache: "no-store" });
    if (response.ok) {
      const value = (response.status === 204 || response.status === 202 ? null : await response.json()) as T;
      return { value, refused: null, version: response.headers.get("etag") };
    }
    const { code, field } = (await response.json()) as Partial<Refusal>;
    if (code === "signed_out") signedOut();
    return { value: null, refused: { code: code ?? "unavailable", field: field ?? null }, version: null };
  } catch {
    // No answer, or one that is not the service's.
    return { value: null, refused: { code: "unreachable", field: null }, version: null };
  }
}

/** A page that asks `byItself`, now and again, keeps nobody signed in. */
export const get = <T>(path: string, byItself = false): Promise<Answer<T>> => ask<T>("GET", path, { byItself });
export const post = <T = null>(path: string, body: unknown = {}): Promise<Answer<T>> => ask<T>("POST", path, { body: JSON.stringify(body) });
/** `over` is the version that is changed: where somebody has changed it since, it is refused with `changed`. */
export const put = <T = null>(path: string, body: unknown, over: string | null = null): Promise<Answer<T>> =>
  ask<T>("PUT", path, { body: JSON.stringify(body), over });
export const putText = <T = null>(path: string, body: string): Promise<Answer<T>> => ask<T>("PUT", path, { body });
export const remove = <T = null>(path: string): Promise<Answer<T>> => ask<T>("DELETE", path);

const part = encodeURIComponent;
export const ofAccount = (account: string, rest: string): string => `accounts/${part(account)}/${rest}`;
export const ofEnvironment = (account: string, environment: Environment, rest: string): string =>
  ofAccount(account, `environments/${environment}/${rest}`);
export { part };
