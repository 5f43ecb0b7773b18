import { expect, it } from "vitest";

import { type ScenarioName, scenarios } from "../../bridge/scenarios";
import { show } from "../../testing/show";

const open = async (scenario: ScenarioName = "home") => {
  const shown = await show(scenario);
  shown.action("show-help").click();
  await expect.poll(() => shown.has('[data-screen="help"]')).toBe(true);
  return shown;
};

it("begins a check when it is asked to, and not by itself", async () => {
  const { action, asked, find } = await open();
  expect(asked).toEqual([]);
  expect(find("[data-setup]").dataset.setup).toBe("new");
  action("check-setup").click();
  expect(asked).toEqual([["checkSetup"]]);
});

it("says of each thing how it is, in words as well as in colour, and how to mend it", async () => {
  const { find, words } = await open("help-checked");
  const silent = find('[data-finding="microphoneSilent"]');
  expect(silent.dataset.verdict).toBe("odd");
  expect(silent.textContent).toContain(words.setup.verdicts.odd);
  expect(silent.textContent).toContain("Headset Microphone");
  expect(silent.textContent).toContain("Look for a mute button");
  expect(silent.textContent).not.toContain("{about}");
  expect(find("[data-setup] [role=status]").textContent).toBe(words.help.setupGood);
});

it("does not begin a second check during the first", async () => {
  const { action, change, find } = await open();
  change({ ...scenarios["help-checking"], revision: 2 });
  await expect.poll(() => find("[data-setup]").dataset.setup).toBe("checking");
  expect((action("check-setup") as HTMLButtonElement).disabled).toBe(true);
});

it("is there for whoever cannot sign in, and leads back", async () => {
  const { action, find, has, words } = await open("sign-in-help");
  expect(find("[data-setup] [role=status]").textContent).toBe(words.help.setupWrong(4));
  action("back").click();
  await expect.poll(() => has('[data-screen="sign-in"]')).toBe(true);
});

it("answers questions and names the keys", async () => {
  const { container } = await open();
  expect(container.querySelectorAll("details")).toHaveLength(4);
  expect([...container.querySelectorAll("kbd")].map((key) => key.textContent).join(" ")).toContain("Ctrl Shift A");
});
