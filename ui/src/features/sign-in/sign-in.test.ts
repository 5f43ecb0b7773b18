import { fireEvent } from "@testing-library/svelte";
import { expect, it } from "vitest";

import type { ProblemCode } from "../../bridge";
import { scenarios } from "../../bridge/scenarios";
import { show } from "../../testing/show";

it("sends what was entered", async () => {
  const { field, find, asked } = await show("sign-in");
  const entered = {
    "service-url": "wss://calls.parcelo.example",
    "account-id": "parcelo",
    "api-key": "k-123",
    cuid: "org_25",
    name: "Noor Salim",
  };
  for (const [name, value] of Object.entries(entered)) await fireEvent.input(field(name), { target: { value } });
  await fireEvent.click(field("environment-production"));
  await fireEvent.submit(find("form"));
  const form = {
    serviceUrl: "wss://calls.parcelo.example",
    accountId: "parcelo",
    apiKey: "k-123",
    cuid: "org_25",
    name: "Noor Salim",
    production: true,
  };
  expect(asked).toEqual([["signIn", form]]);
});

it("begins with what is known, except the key, and says that it is kept", async () => {
  const { field, words } = await show("sign-in-kept");
  expect(field("cuid").value).toBe("org_25");
  expect(field("environment-production").checked).toBe(true);
  expect(field("api-key").value).toBe("");
  expect(field("api-key").type).toBe("password");
  expect(field("api-key").placeholder).toBe(words.signIn.apiKeyKept);
});

it.each<[ProblemCode, string]>([
  ["invalidServiceUrl", "service-url"],
  ["accountIdRequired", "account-id"],
  ["apiKeyMissing", "api-key"],
  ["apiKeyRequired", "account-id"],
  ["keyringLocked", "api-key"],
  ["cuidMissing", "cuid"],
  ["invalidLengthCuid", "cuid"],
  ["invalidNameLength", "name"],
  ["productionFieldRequired", "environment"],
])("says %s at its field, which takes the focus", async (code, name) => {
  const { find, has, words } = await show("sign-in", { refuse: code });
  await fireEvent.submit(find("form"));
  await expect.poll(() => has(`[data-error="${name}"]`)).toBe(true);
  expect(find(`[data-error="${name}"]`).textContent).toBe(words.problems[code]);
  await expect.poll(() => document.activeElement?.getAttribute("data-field")).toMatch(new RegExp(`^${name}`));
});

it("marks account id and key alike when one of them is wrong, until either is changed", async () => {
  const { find, field, has, words } = await show("sign-in", { refuse: "apiKeyRequired" });
  await fireEvent.submit(find("form"));
  await expect.poll(() => has('[data-error="account-id"]') && has('[data-error="api-key"]')).toBe(true);
  expect(find('[data-error="api-key"]').textContent).toBe(words.problems.apiKeyRequired);
  await fireEvent.input(field("api-key"), { target: { value: "sc_other" } });
  expect(has('[data-error="account-id"]') || has('[data-error="api-key"]')).toBe(false);
});

it("takes the words back when their field is changed", async () => {
  const { field, has } = await show("sign-in-field-error");
  expect(has('[data-error="cuid"]')).toBe(true);
  await fireEvent.input(field("cuid"), { target: { value: "org_25" } });
  expect(has('[data-error="cuid"]')).toBe(false);
});

it("says what is no field's fault above the form, aloud", async () => {
  const { find, words } = await show("sign-in-refused");
  expect(find('[data-notice="sign-in"]').textContent).toContain(words.problems.contactRegistrationFailed);
  expect(find('[data-notice="sign-in"]').getAttribute("role")).toBe("alert");
});

it("keeps what was typed through an attempt that fails", async () => {
  const { field, change, find } = await show("sign-in");
  await fireEvent.input(field("cuid"), { target: { value: "courier_8842" } });
  change({ ...scenarios["signing-in"], revision: 2 });
  await expect.poll(() => field("cuid").disabled).toBe(true);
  change({ ...scenarios["sign-in-refused"], revision: 3 });
  await expect.poll(() => field("cuid").disabled).toBe(false);
  expect(field("cuid").value).toBe("courier_8842");
  expect(find('[data-notice="sign-in"]')).toBeTruthy();
});
