import { fireEvent } from "@testing-library/svelte";
import { afterEach, beforeEach, expect, it, vi } from "vitest";

import type { AppView, CallView, UsedDevice } from "../../bridge";
import { NOW, type ScenarioName, scenarios } from "../../bridge/scenarios";
import { idle, show } from "../../testing/show";

beforeEach(() => void vi.useFakeTimers({ now: NOW }));
afterEach(() => void vi.useRealTimers());

it.each<[ScenarioName, string, unknown[]]>([
  ["incoming", "answer", ["answer", "c1", "holdCurrent"]],
  ["incoming", "decline", ["decline", "c1"]],
  ["calling", "hang-up", ["hangUp", "c2"]],
  ["ringing", "hang-up", ["hangUp", "c2"]],
  ["connecting", "hang-up", ["hangUp", "c1"]],
  ["in-call", "hang-up", ["hangUp", "c1"]],
  ["in-call", "mute", ["mute", "c1", true]],
  ["in-call-muted", "mute", ["mute", "c1", false]],
  ["ended", "call-again", ["callAgain"]],
  ["ended", "close", ["dismissCall"]],
])("on %s, %s asks for it", async (scenario, name, asked) => {
  const shown = await show(scenario);
  shown.action(name).click();
  expect(shown.asked).toEqual([asked]);
});

it.each<[string, unknown[]]>([
  ["answer", ["answer", "c1", "holdCurrent"]],
  ["decline", ["decline", "c1"]],
  ["show-main", ["showMain"]],
])("in the pop-up, %s asks for it", async (name, asked) => {
  const shown = await show("incoming", { label: "incoming" });
  shown.action(name).click();
  expect(shown.asked).toEqual([asked]);
});

it("makes the reason the headline and gives it the focus, so that Enter answers nothing by mistake", async () => {
  const { find } = await show("incoming");
  expect(find("h1").textContent).toBe("Delivery partner is calling");
  expect(document.activeElement).toBe(find("h1"));
});

it("takes the focus again when the screen changes, and not when only the call does", async () => {
  const { find, action, change } = await show("connecting");
  change({ ...scenarios["in-call"], revision: 2 });
  await vi.waitFor(() => expect(find("[data-screen]").dataset.screen).toBe("in-call"));
  expect(document.activeElement).toBe(find("h1"));
  action("mute").focus();
  change({ ...scenarios["in-call-muted"], revision: 3 });
  await vi.waitFor(() => expect(find('[data-notice="muted"]')).toBeTruthy());
  expect(document.activeElement).toBe(action("mute"));
});

it("closes the ended screen by Escape, and nothing else by it", async () => {
  const ended = await show("ended");
  await fireEvent.keyDown(window, { key: "Escape" });
  expect(ended.asked).toEqual([["dismissCall"]]);
});

it("neither declines nor hangs up by Escape", async () => {
  const incoming = await show("incoming");
  const talking = await show("in-call");
  await fireEvent.keyDown(window, { key: "Escape" });
  expect([...incoming.asked, ...talking.asked]).toEqual([]);
});

it("counts the talk by the clock on the wall", async () => {
  const { find } = await show("in-call");
  expect(find("[data-elapsed]").textContent).toBe("2:14");
  await vi.advanceTimersByTimeAsync(3_000);
  expect(find("[data-elapsed]").textContent).toBe("2:17");
});

it("says aloud that it is connected, and not every second", async () => {
  const { find } = await show("in-call");
  expect(find("[data-status]").textContent).toBe("Connected");
  expect(find("[data-status]").contains(find("[data-elapsed]"))).toBe(false);
});

it.each<[ScenarioName, string]>([
  ["calling", "Calling…"],
  ["ringing", "Ringing…"],
  ["incoming", "Incoming call"],
  ["connecting", "Connecting…"],
  ["busy", "Try again in a few minutes."],
])("says on %s: %s", async (scenario, words) => {
  const { find } = await show(scenario);
  expect(find("[data-status]").textContent).toBe(words);
  expect(find("[data-status]").getAttribute("role")).toBe("status");
});

it("names an ended call's reason and length", async () => {
  const { find } = await show("ended");
  expect(find("h1").textContent).toBe("Call ended");
  expect(find("[data-duration]").textContent).toBe("2 min 14 s");
});

it("offers no second call where there is none to make", async () => {
  const call = { ...(scenarios.ended.call as CallView), canCallAgain: false };
  const { has } = await show({ ...idle, call });
  expect(has('[data-action="call-again"]')).toBe(false);
  expect(has('[data-action="close"]')).toBe(true);
});

it("rings only while it rings", async () => {
  const { find, change } = await show("incoming");
  expect(find(".face").classList).toContain("ringing");
  change({ ...scenarios.connecting, revision: 2 });
  await vi.waitFor(() => expect(find(".face").classList).not.toContain("ringing"));
});

it("shows initials when a picture cannot be had", async () => {
  const call = { ...(scenarios.incoming.call as CallView), image: "https://parcelo.example/amira.png" };
  const { find, has } = await show({ ...idle, call });
  await fireEvent.error(find(".face img"));
  expect(has(".face img")).toBe(false);
  expect(find(".face").textContent?.trim()).toBe("AH");
});

it("puts the brand's colours on without markup that a content security policy forbids", async () => {
  const { find } = await show("incoming-light-brand");
  expect(find("[data-screen]").style.getPropertyValue("--brand-background")).toBe("#F6EFE4");
  expect(find("[data-screen]").classList).toContain("dark");
});

it.each<["main" | "incoming"]>([["main"], ["incoming"]])("names the company and the app in the %s window, and the app alone where it is the company", async (label) => {
  const call = scenarios.incoming.call;
  const { find, has } = await show("incoming", { label });
  expect(find(".name").textContent).toBe("Parcelo");
  expect(find("[data-app]").textContent).toBe("Signed Call");
  const alone = await show({ ...idle, call, brand: { ...idle.brand, name: "Signed Call" } }, { label });
  expect(alone.container.querySelector("[data-app]")).toBeNull();
  expect(has("[data-app]")).toBe(true);
});

it("shows the company's logo, and its letter when that cannot be had", async () => {
  const brand = { ...idle.brand, logo: "data:image/png;base64,AAAA" };
  const { find, has } = await show({ ...idle, call: scenarios.incoming.call, brand });
  expect(find("p img").getAttribute("src")).toBe(brand.logo);
  await fireEvent.error(find("p img"));
  expect(has("p img")).toBe(false);
  expect(find(".tile").textContent).toBe("P");
});

it("says how well the other side is heard, and keeps quiet while nothing is", async () => {
  const { find, has, change } = await show("in-call");
  expect(find("[data-quality]").textContent).toContain("Good connection");
  change({ ...scenarios["in-call-poor"], revision: 2 });
  await vi.waitFor(() => expect(find("[data-quality]").dataset.quality).toBe("poor"));
  change({ ...scenarios["in-call-interrupted"], revision: 3 });
  await vi.waitFor(() => expect(has("[data-quality]")).toBe(false));
});

it("says in place of that what is odd about the line, until it is over", async () => {
  const { find, change } = await show("in-call");
  change({ ...scenarios["in-call-losing"], revision: 2 });
  await vi.waitFor(() => expect(find("[data-quality]").textContent).toContain("Your connection is losing packets"));
  expect(find("[data-quality]").textContent).not.toContain("Weak connection");
  change({ ...scenarios["in-call"], revision: 3 });
  await vi.waitFor(() => expect(find("[data-quality]").textContent).toContain("Good connection"));
});

it("tells whoever talks that they are muted, and takes it back", async () => {
  const { find, has, change, words } = await show("in-call-poor");
  expect(find('[data-notice="talking-while-muted"]').textContent).toContain(words.call.talkingWhileMuted);
  expect(find(".notes").getAttribute("role")).toBe("status");
  change({ ...scenarios["in-call-muted"], revision: 2 });
  await vi.waitFor(() => expect(has('[data-notice="talking-while-muted"]')).toBe(false));
  expect(has('[data-notice="muted"]')).toBe(true);
});

it("says before anybody talks that the network is poor, on either side of a call", async () => {
  for (const screen of ["ringing-poor-network", "incoming-poor-network"] as const) {
    const { find, has, change, words } = await show(screen);
    expect(find('[data-notice="poor-network"]').textContent).toContain(words.call.poorNetwork);
    change({ ...scenarios["in-call"], revision: 2 });
    await vi.waitFor(() => expect(has('[data-notice="poor-network"]')).toBe(false));
  }
});

it("tells of a microphone from which nothing comes", async () => {
  const { find, words } = await show("in-call-weak");
  expect(find('[data-notice="silent-microphone"]').textContent).toContain(words.call.silentMicrophone);
});

it("tells of a microphone that is too loud, until it is not", async () => {
  const { find, has, change, words } = await show("in-call-too-loud");
  expect(find('[data-notice="loud-microphone"]').textContent).toContain(words.call.loudMicrophone);
  change({ ...scenarios["in-call"], revision: 2 });
  await vi.waitFor(() => expect(has('[data-notice="loud-microphone"]')).toBe(false));
});

it.each<[string, string, object]>([
  ["speaker", "device:laptop", { speaker: "laptop" }],
  ["speaker", "system", { speaker: null }],
  ["microphone", "device:built-in", { microphone: "built-in" }],
])("changes the %s to %s during the call", async (field, option, changed) => {
  vi.useRealTimers();
  const { action, find, asked, has } = await show({ ...scenarios["in-call"], settings: { ...idle.settings, speaker: "headset" } });
  action("sound").focus();
  await fireEvent.keyDown(action("sound"), { key: "Enter" });
  await expect.poll(() => has(`[data-field="${field}"] [data-option="${option}"]`)).toBe(true);
  await fireEvent.click(find(`[data-field="${field}"] [data-option="${option}"]`));
  const kept = { microphone: null, speaker: "headset", ringSpeaker: null, echoCancellation: true, noiseSuppression: true, gainControl: true, outgoingTone: null, ringtone: null, secondCalls: true, ringWhenClosed: false, distributor: null };
  expect(asked).toEqual([["refreshDevices"], ["setPreferences", { ...kept, ...changed }]]);
});

const devices = (microphone: UsedDevice, speaker: UsedDevice = { name: "Headset", news: null }): AppView => ({
  ...scenarios["in-call"],
  call: { ...(scenarios["in-call"].call as CallView), devices: { microphone, speaker } },
});

it("names another device for some seconds, and again when the next one comes", async () => {
  const { find, has, change } = await show("in-call");
  expect(has('[data-notice="other-microphone"]')).toBe(false);
  change({ ...devices({ name: "Desk microphone", news: "changed" }), revision: 2 });
  await vi.advanceTimersByTimeAsync(0);
  expect(find('[data-notice="other-microphone"]').textContent).toContain("\u2068Desk microphone\u2069");
  await vi.advanceTimersByTimeAsync(7_999);
  expect(has('[data-notice="other-microphone"]')).toBe(true);
  await vi.advanceTimersByTimeAsync(1);
  expect(has('[data-notice="other-microphone"]')).toBe(false);
  change({ ...devices({ name: "Headset", news: "changed" }), revision: 3 });
  await vi.waitFor(() => expect(has('[data-notice="other-microphone"]')).toBe(true));
});

it("says that there is no device for as long as there is none", async () => {
  const { find, has, change, words } = await show("in-call-no-devices");
  expect(find('[data-notice="no-microphone"]').textContent).toContain(words.call.noMicrophone);
  expect(find('[data-notice="no-speaker"]').textContent).toContain(words.call.noSpeaker);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(has('[data-notice="no-microphone"]')).toBe(true);
  change({ ...devices({ name: "Headset", news: "changed" }), revision: 2 });
  await vi.waitFor(() => expect(has('[data-notice="no-microphone"]')).toBe(false));
  expect(has('[data-notice="other-microphone"]')).toBe(true);
});

it("puts the note of another device away when the devices are looked at", async () => {
  vi.useRealTimers();
  const { action, has } = await show("in-call-moved");
  expect(has('[data-notice="other-speaker"]')).toBe(true);
  await fireEvent.click(action("sound"));
  await expect.poll(() => has('[data-notice="other-speaker"]')).toBe(false);
  expect(has('[data-notice="other-microphone"]')).toBe(false);
});

it("makes the other side louder, one request after the other", async () => {
  vi.useRealTimers();
  const { action, field, asked, has, change } = await show("in-call-loud");
  await fireEvent.click(action("sound"));
  await expect.poll(() => has('[data-field="volume"]')).toBe(true);
  expect([field("volume").value, field("volume").getAttribute("aria-valuetext")]).toEqual(["150", "150%"]);
  for (const value of [155, 160, 165]) await fireEvent.input(field("volume"), { target: { value } });
  const volumes = () => asked.filter(([request]) => request === "setVolume").map(([, , volume]) => volume);
  await expect.poll(() => volumes().at(-1)).toBe(165);
  change({ ...scenarios["in-call"], revision: 2 });
  await expect.poll(() => field("volume").value).toBe("100");
});
