import { clearMocks, mockIPC, mockWindows } from "@tauri-apps/api/mocks";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import type { AppView } from "./bindings";
import { fakeBridge } from "./fake";
import { tauriBridge } from "./tauri";

describe("the way to Rust", () => {
  afterEach(clearMocks);

  it("knows which window it is in", () => {
    mockWindows("incoming");
    expect(tauriBridge().label).toBe("incoming");
    mockWindows("main");
    expect(tauriBridge().label).toBe("main");
  });

  it("asks by command, and gives the problem or nothing", async () => {
    mockWindows("main");
    const asked: unknown[] = [];
    const problem = { code: "ongoingCall", detail: "", subject: null };
    mockIPC((command, parts) => {
      asked.push([command, parts]);
      // Rust's errors arrive as they are, not as an `Error`.
      if (command === "dial") return Promise.reject(problem);
      return null;
    });
    const bridge = tauriBridge();
    expect(await bridge.dial("courier_8842", "Order 4711")).toEqual(problem);
    expect(await bridge.mute("c1", true)).toBeNull();
    expect(asked).toEqual([
      ["dial", { cuid: "courier_8842", context: "Order 4711" }],
      ["mute", { id: "c1", muted: true }],
    ]);
  });
});

describe("the fake app", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const open = async (query: string) => {
    const bridge = fakeBridge(new URLSearchParams(query));
    const views: AppView[] = [await bridge.view()];
    await bridge.listen((view) => views.push(view));
    return { bridge, views, phases: () => views.map((view) => view.call?.phase.state ?? "none") };
  };

  it("lives a whole outgoing call", async () => {
    const { bridge, views, phases } = await open("scenario=home");
    await bridge.dial("courier_8842", "Order 4711");
    await vi.advanceTimersByTimeAsync(10_000);
    await bridge.hangUp("");
    await bridge.dismissCall();
    expect(phases()).toEqual(["none", "calling", "ringing", "connecting", "talking", "ended", "none"]);
    expect(views.map((view) => view.revision)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(views.at(-1)?.recent[0]).toMatchObject({ peer: "courier_8842", peerName: "Amira Haddad", seconds: 6, reason: "hungUp" });
  });

  it("lives an incoming call that is answered, and one that is not", async () => {
    const answered = await open("scenario=incoming");
    await answered.bridge.answer("", "holdCurrent");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(answered.phases()).toEqual(["ringing", "connecting", "talking"]);
    const missed = await open("scenario=incoming");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(missed.views.at(-1)?.call?.phase).toEqual({ state: "ended", reason: "missed", seconds: null });
  });

  it("lives two calls: one waits, is answered, swapped and transferred", async () => {
    const { bridge, views } = await open("scenario=in-call-waiting");
    await bridge.answer("c3", "holdCurrent");
    await vi.advanceTimersByTimeAsync(1_000);
    const shown = () => [views.at(-1)?.call, views.at(-1)?.other].map((call) => call && [call.id, call.phase.state, call.holding]);
    expect(shown()).toEqual([["c3", "talking", "nobody"], ["c1", "talking", "thisSide"]]);
    await bridge.swap();
    expect(shown()).toEqual([["c1", "talking", "nobody"], ["c3", "talking", "thisSide"]]);
    expect((await bridge.transfer("c1", "nobody_there"))?.code).toBe("contactNotReachable");
    expect((await bridge.transfer("c1", "org_25"))?.code).toBe("canNotCallSelf");
    expect((await bridge.dial("echo_test", "Check my sound"))?.code).toBe("ongoingCall");
    await bridge.transfer("c1", "agent_310");
    expect(shown()).toEqual([["c3", "talking", "thisSide"], ["c1", "ended", "nobody"]]);
    expect(views.at(-1)?.recent[0]).toMatchObject({ reason: "handedOver", transferredTo: "Jonas Okafor" });
    await bridge.dismissCall();
    await bridge.dial("echo_test", "Check my sound");
    expect(shown()).toMatchObject([[expect.any(String), "calling", "nobody"], ["c3", "talking", "thisSide"]]);
  });

  it("ends the current call for the one that waits, and goes on when that one is given up", async () => {
    const answered = await open("scenario=in-call-waiting");
    await answered.bridge.answer("c3", "endCurrent");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(answered.views.at(-1)).toMatchObject({ call: { id: "c3", phase: { state: "talking" } }, other: null });
    const givenUp = await open("scenario=in-call-waiting");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(givenUp.views.at(-1)).toMatchObject({ call: { id: "c1", phase: { state: "talking" } }, other: null, missed: 1 });
  });

  it("refuses what Rust would refuse", async () => {
    const { bridge } = await open("scenario=home");
    const code = async (cuid: string, context: string) => (await bridge.dial(cuid, context))?.code ?? null;
    expect(await code("", "Hello")).toBe("cuidMissing");
    expect(await code("abc", "Hello")).toBe("invalidLengthCuid");
    expect(await code("91_8899555", "Hello")).toBe("invalidCuid");
    expect(await code("org_25", "Hello")).toBe("canNotCallSelf");
    expect(await code("courier_8842", "two  spaces")).toBe("callContextInvalid");
    expect(await code("courier_8842", "مندوب التوصيل")).toBeNull();
  });
});
