import { fireEvent } from "@testing-library/svelte";
import { expect, it } from "vitest";

import type { ProblemCode } from "../../bridge";
import { type ScenarioName, scenarios } from "../../bridge/scenarios";
import { show } from "../../testing/show";

const open = async (scenario: ScenarioName = "home", refuse?: ProblemCode, subject?: string) => {
  const shown = await show(scenario, { refuse, subject });
  shown.action("show-settings").click();
  await expect.poll(() => shown.has('[data-screen="settings"]')).toBe(true);
  const requests = () => shown.asked.filter(([request]) => request !== "refreshDevices");
  return { ...shown, requests };
};

const kept = { microphone: null, speaker: "laptop", ringSpeaker: null, echoCancellation: true, noiseSuppression: true, gainControl: true, outgoingTone: null, ringtone: null, secondCalls: true, ringWhenClosed: false, distributor: null };

it("looks for devices again when it opens", async () => {
  const { asked } = await open();
  expect(asked).toEqual([["refreshDevices"]]);
});

it.each([
  ["echo-cancellation", "echoCancellation"],
  ["noise-suppression", "noiseSuppression"],
  ["gain-control", "gainControl"],
] as const)("switches %s alone, and sends every preference with it", async (name, preference) => {
  const { field, requests, words } = await open();
  expect(field(name).getAttribute("aria-label")).toBe(words.settings[preference]);
  const described = field(name).getAttribute("aria-describedby") ?? "";
  expect(document.getElementById(described)?.textContent).toBe(words.settings[`${preference}Hint`]);
  await fireEvent.click(field(name));
  expect(requests()).toEqual([["setPreferences", { ...kept, [preference]: false }]]);
});

it("shows what is true, and not what was pressed", async () => {
  const { field, has } = await open("home", "serverFailure");
  await fireEvent.click(field("noise-suppression"));
  await expect.poll(() => has('[data-notice="problem"]')).toBe(true);
  expect(field("noise-suppression").getAttribute("aria-checked")).toBe("true");
});

it("names the device that the system has chosen, and one that is gone", async () => {
  const present = await open();
  expect(present.field("microphone").textContent).toContain("System default (Headset Microphone)");
  expect(present.field("speaker").textContent).toContain("Laptop Speakers");
});

it("says that there is no device, or that the chosen one is gone", async () => {
  const { field, words } = await open("settings-no-devices");
  expect(field("microphone").textContent).toContain(words.settings.noDevice);
  expect(field("speaker").textContent).toContain(words.settings.missingDevice);
});

it("chooses a device by keyboard", async () => {
  const { field, requests, has, find } = await open();
  field("microphone").focus();
  await fireEvent.keyDown(field("microphone"), { key: "Enter" });
  await expect.poll(() => has('[data-option="device:built-in"]')).toBe(true);
  await expect.poll(() => find("[data-highlighted]").dataset.option).toBe("system");
  await fireEvent.keyDown(field("microphone"), { key: "End" });
  await fireEvent.keyDown(field("microphone"), { key: "Enter" });
  expect(requests()).toEqual([["setPreferences", { ...kept, microphone: "built-in" }]]);
});

it("takes a tone by its path, and none for the built-in one", async () => {
  const { field, requests } = await open("settings-no-devices");
  await fireEvent.input(field("ringtone"), { target: { value: " /home/noor/ring.ogg " } });
  await fireEvent.change(field("ringtone"));
  await fireEvent.input(field("outgoing-tone"), { target: { value: "" } });
  await fireEvent.change(field("outgoing-tone"));
  expect(requests().map(([, form]) => form)).toMatchObject([{ ringtone: "/home/noor/ring.ogg" }, { outgoingTone: null }]);
});

it("says at its field that a tone cannot be played", async () => {
  const { field, has, find } = await open("home", "invalidToneFile", "ring.mid");
  await fireEvent.input(field("ringtone"), { target: { value: "/home/noor/ring.mid" } });
  await fireEvent.change(field("ringtone"));
  await expect.poll(() => has('[data-error="ringtone"]')).toBe(true);
  expect(find('[data-error="ringtone"]').textContent).toContain("ring.mid");
  expect(has('[data-error="outgoing-tone"]')).toBe(false);
});

it("keeps half a path while the view changes", async () => {
  const { field, change } = await open();
  await fireEvent.input(field("ringtone"), { target: { value: "/home/no" } });
  const settings = { ...scenarios.home.settings, noiseSuppression: false };
  change({ ...scenarios.home, revision: 2, settings });
  await expect.poll(() => field("noise-suppression").getAttribute("aria-checked")).toBe("false");
  expect(field("ringtone").value).toBe("/home/no");
});

it("asks before it signs out", async () => {
  const { action, has, requests } = await open();
  action("sign-out").click();
  await expect.poll(() => has('[data-action="confirm-sign-out"]')).toBe(true);
  expect(requests()).toEqual([]);
  action("cancel-sign-out").click();
  await expect.poll(() => has('[data-action="confirm-sign-out"]')).toBe(false);
  action("sign-out").click();
  await expect.poll(() => has('[data-action="confirm-sign-out"]')).toBe(true);
  action("confirm-sign-out").click();
  expect(requests()).toEqual([["signOut"]]);
});

it("starts with the session when it is told to", async () => {
  const { field, requests } = await open();
  expect(field("autostart").getAttribute("aria-checked")).toBe("false");
  await fireEvent.click(field("autostart"));
  expect(requests()).toEqual([["setAutostart", true]]);
});

it("lets a second call wait, or no longer", async () => {
  const { field, requests } = await open();
  expect(field("second-calls").getAttribute("aria-checked")).toBe("true");
  await fireEvent.click(field("second-calls"));
  expect(requests()).toEqual([["setPreferences", { ...kept, secondCalls: false }]]);
});

it("rings when the app is closed when it is told to", async () => {
  const off = await open();
  expect(off.field("ring-when-closed").getAttribute("aria-checked")).toBe("false");
  await fireEvent.click(off.field("ring-when-closed"));
  expect(off.requests()).toEqual([["setPreferences", { ...kept, ringWhenClosed: true }]]);
});

it("says by what calls ring when the app is closed, or why they do not", async () => {
  const hint = async (scenario: ScenarioName) => {
    const { field, find, words } = await open(scenario);
    expect(field("ring-when-closed").getAttribute("aria-checked")).toBe("true");
    return [find(`#${CSS.escape(field("ring-when-closed").getAttribute("aria-describedby") ?? "")}`).textContent, words.settings.ringWhenClosedHint] as const;
  };
  const [works, words] = await hint("settings-rings-when-closed");
  expect(works).toBe(words.works("kde"));
  expect((await hint("settings-rings-by-itself"))[0]).toBe(words.works(null));
  expect((await hint("settings-no-distributor"))[0]).toBe(words.noDistributor);
});

it("lets one of several programs be chosen that take calls meanwhile, and shows no choice where there is none", async () => {
  expect((await open("settings-rings-when-closed")).has('[data-field="distributor"]')).toBe(false);
  const { field, requests, has, find, words } = await open("settings-distributors");
  expect(field("distributor").textContent).toContain("kde");
  field("distributor").focus();
  await fireEvent.keyDown(field("distributor"), { key: "Enter" });
  await expect.poll(() => has('[data-option="org.unifiedpush.Distributor.ntfy"]')).toBe(true);
  expect(find('[data-option="org.signedcall.desktop.Distributor"]').textContent).toContain(words.settings.ownDistributor);
  await expect.poll(() => find("[data-highlighted]").dataset.option).toBe("org.unifiedpush.Distributor.kde");
  await fireEvent.keyDown(field("distributor"), { key: "ArrowDown" });
  await fireEvent.keyDown(field("distributor"), { key: "Enter" });
  expect(requests()).toEqual([["setPreferences", { ...kept, ringWhenClosed: true, distributor: "org.unifiedpush.Distributor.ntfy" }]]);
});

it("rings on a speaker of its own, or on the same", async () => {
  const { field, requests, has, find, words } = await open();
  expect(field("ring-speaker").textContent).toContain(words.settings.sameAsSpeaker);
  field("ring-speaker").focus();
  await fireEvent.keyDown(field("ring-speaker"), { key: "Enter" });
  await expect.poll(() => has('[data-option="device:laptop"]')).toBe(true);
  await expect.poll(() => find("[data-highlighted]").dataset.option).toBe("system");
  await fireEvent.keyDown(field("ring-speaker"), { key: "End" });
  await fireEvent.keyDown(field("ring-speaker"), { key: "Enter" });
  expect(requests()).toEqual([["setPreferences", { ...kept, ringSpeaker: "laptop" }]]);
});

it("tries microphone and speaker, and says in words how that goes", async () => {
  const { action, find, has, change, requests, words } = await open();
  action("begin-trial").click();
  expect(requests()).toEqual([["beginTrial"]]);
  expect(has('[role="meter"]')).toBe(false);
  const says = () => find("[data-trial] [role=status]").textContent;
  change({ ...scenarios["settings-trial-listening"], revision: 2 });
  await expect.poll(says).toBe(words.trial.steps.listening);
  expect(find('[role="meter"]').getAttribute("aria-valuenow")).toBe("62");
  change({ ...scenarios["settings-trial-playing"], revision: 3 });
  await expect.poll(says).toBe(words.trial.steps.playing);
  action("end-trial").click();
  expect(requests()).toEqual([["beginTrial"], ["endTrial"]]);
  change({ ...scenarios["settings-trial-failed"], revision: 4 });
  await expect.poll(says).toBe(words.trial.failures.noMicrophone);
  expect(has('[role="meter"]')).toBe(false);
});

it("ends the trial when the settings are left, and not when there is none", async () => {
  const trying = await open("settings-trial-listening");
  trying.action("show-calls").click();
  await expect.poll(trying.requests).toEqual([["endTrial"]]);
});

it("asks for no end of a trial where there is none", async () => {
  const { action, requests, has } = await open();
  action("show-calls").click();
  await expect.poll(() => has('[data-screen="settings"]')).toBe(false);
  expect(requests()).toEqual([]);
});
