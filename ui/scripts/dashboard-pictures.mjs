// Takes the pictures of the dashboard that documents show, in the browser that `CHROMIUM` names, of the service that `cargo xtask screens dashboard` starts: four
// companies have called for a month and call now (`tests/src/rig/cluster/load`). Two operators sign in by links (`DASHBOARD_LINK`, `DASHBOARD_LINK_OF_NOOR`) at
// `DASHBOARD_URL` and do what there is to do, so that nothing in a picture is made up. It fails where axe objects, or where something is wider than the page.

import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const here = fileURLToPath(new URL("..", import.meta.url));
const { DASHBOARD_URL: origin, DASHBOARD_LINK: link, DASHBOARD_LINK_OF_NOOR: linkOfNoor, DASHBOARD_PICTURES: pictures, CHROMIUM } = process.env;
const PASSWORD = "four words beside another";
const DESKTOP = { width: 1280, height: 860 };
/** What is further down is more of the same. */
const LONGEST = 1500;
/** How long the companies may take until there is something on every page: a webhook that was too busy at first is tried again. */
const PATIENCE = 120_000;

const executablePath =
  CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"].find(existsSync);
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
const axe = readFileSync(join(here, "node_modules/axe-core/axe.min.js"), "utf8");
const failures = [];
let taken = 0;

/** A browser of an operator's own. */
async function operator(linkTo) {
  const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", locale: "en-GB", timezoneId: "Europe/Berlin", colorScheme: "light" });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("pageerror", (error) => failures.push(error.message));
  const at = (selector) => page.locator(selector).first();
  const operator = {
    page,
    at,
    action: (name) => at(`[data-action="${name}"]`),
    field: (name) => at(`[data-field="${name}"]`),
    dialogIsGone: () => page.locator("[role=dialog], [role=alertdialog]").waitFor({ state: "detached" }),
    /** Opens a page by its address. */
    async open(hash, ready, lang = "en") {
      await page.goto("about:blank");
      await page.goto(`${origin}/?lang=${lang}${hash}`);
      await at(ready).waitFor({ timeout: PATIENCE });
      await page.evaluate(() => document.fonts.ready);
    },
  };
  await page.goto(linkTo.replace("/#/", "/?lang=en#/"));
  await at('[data-page="link"]').waitFor();
  if (linkTo === link) for (const scheme of ["light", "dark"]) await picture(operator, `link-${scheme}`, scheme);
  for (const name of ["password", "again"]) await operator.field(name).fill(PASSWORD);
  await page.keyboard.press("Enter");
  await at("[data-account]").waitFor({ timeout: PATIENCE });
  return operator;
}

/** Lets axe look at a page as it is, and takes its picture. */
async function picture({ page }, name, scheme) {
  await page.emulateMedia({ colorScheme: scheme });
  await page.mouse.move(0, 0);
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  for (const { id, help, nodes } of violations) failures.push(`${name}: ${id}: ${help}\n  ${nodes.map(({ html }) => html.slice(0, 160)).join("\n  ")}`);
  const { width, height, inner } = await page.evaluate(() => {
    const { scrollWidth, scrollHeight, clientWidth } = document.documentElement;
    return { width: clientWidth, height: scrollHeight, inner: scrollWidth };
  });
  if (inner > width) failures.push(`${name}: too wide: ${inner} of ${width}`);
  const clip = { x: 0, y: 0, width, height: Math.min(height, LONGEST) };
  writeFileSync(join(pictures, `${name}.png`), await page.screenshot({ fullPage: true, clip, animations: "disabled", caret: "hide" }));
  taken += 1;
}

/** What operators have done before anybody looks. */
async function work(admin, noor) {
  const parcelo = (section) => `#/a/parcelo/production/${section}`;
  const { field, action, at } = admin;
  await admin.open(parcelo("branding"), '[data-preview="popup"] [data-screen]');
  await field("bg-color").fill("#12355B");
  await action("save").click();
  await at(".done svg").waitFor();
  await admin.open(parcelo("users"), '[data-panel="quiet"] [data-empty]');
  for (const cuid of ["customer_666", "courier_9001"]) {
    await action("block").click();
    await field("cuid").fill(cuid);
    await action("confirm-block").click();
    await at(`[data-row="${cuid}"]`).waitFor();
    await admin.dialogIsGone();
  }
  for (const [cuid, from, to] of [["", "02:00", "05:00"], ["courier_9002", "22:00", "08:00"]]) {
    await action("add-quiet").click();
    await field("cuid").fill(cuid);
    await field("from").fill(from);
    await field("to").fill(to);
    await field("utc-offset").fill("+01:00");
    await action("confirm-quiet").click();
    await at(`[data-panel="quiet"] [data-row="${cuid || "*"}"]`).waitFor();
    await admin.dialogIsGone();
  }
  await admin.open(parcelo("credentials"), '[data-panel="keys"] td');
  await action("add-key").click();
  await action("close-secret").click();
  await action("set-token-keys").click();
  await field("jwks").fill('{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "backend-2026-11", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}');
  await action("confirm-token-keys").click();
  await at('[data-panel="token-keys"] td').waitFor();
  await admin.open(parcelo("settings"), '[data-field="max-call-seconds"]');
  await field("max-call-seconds").fill("3600");
  await action("save").click();
  await at("[data-page] form p svg").waitFor();
  await admin.open(parcelo("push"), '[data-panel="apns"] [data-empty]');
  await action("set-apns").click();
  for (const [name, value] of [["bundle-id", "com.parcelo.app"], ["team-id", "TEAM567890"], ["key-id", "KEY4567890"]]) await field(name).fill(value);
  await field("key").fill(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" }));
  await action("confirm-apns").click();
  await at('[data-panel="apns"] [data-entered]').waitFor();

  await noor.open("#/a/clinic-am-see/production/credentials", '[data-panel="keys"] td');
  await noor.action("add-key").click();
  await noor.action("close-secret").click();
  // Not the one that the clinic's devices are signed in by: the newest stands first.
  await noor.page.locator('[data-panel="keys"] [data-action="revoke"]').first().click();
  await noor.action("confirm-revoke").click();
  await noor.dialogIsGone();
  await noor.open("#/a/tawseel/production/users", '[data-panel="blocked"] [data-empty]');
  await noor.action("block").click();
  await noor.field("cuid").fill("x");
  await noor.action("confirm-block").click();
  await noor.at('[data-error="cuid"]').waitFor();
  await noor.field("cuid").fill("zaboon_666");
  await noor.action("confirm-block").click();
  await noor.at('[data-row="zaboon_666"]').waitFor();
  await noor.open("#/a/hohenstein-wittgenburg/production/calls", '[data-panel="calls"] td');
  await Promise.all([noor.page.waitForEvent("download"), noor.action("csv").click()]);
}

const live = '[data-panel="live"] tbody tr';

/** Every page: its picture's name, its address, what is there once it is, and what is done before it is looked at. */
const pages = [
  ["accounts", "#/", "[data-account]"],
  ["overview", "#/a/parcelo/production/overview", live],
  ["overview-month", "#/a/parcelo/production/overview", live, chooseMonth],
  ["calls", "#/a/parcelo/production/calls", '[data-panel="calls"] td'],
  ["branding", "#/a/parcelo/production/branding", '[data-preview="popup"] [data-screen]'],
  ["credentials", "#/a/parcelo/production/credentials", '[data-panel="token-keys"] td'],
  ["users", "#/a/parcelo/production/users", '[data-panel="quiet"] td'],
  ["push", "#/a/parcelo/production/push", '[data-panel="web-push"] [data-key]', testPush],
  ["webhooks", "#/a/parcelo/production/webhooks", '[data-panel="webhooks"] td'],
  ["deliveries", "#/a/parcelo/production/webhooks", '[data-panel="webhooks"] td', openDeliveries],
  ["policies", "#/a/parcelo/production/settings", '[data-field="max-call-seconds"]'],
  ["audit", "#/audit", '[data-panel="audit"] td'],
  ["health", "#/health", "[data-ready=ready]"],
  ["password", "#/me", '[data-field="before"]'],
];

async function chooseMonth({ page, at }) {
  await at('[data-field="span-month"]').check({ force: true });
  await page.waitForFunction(() => document.querySelectorAll('[data-panel="calls"] details tbody tr').length === 30);
}

async function testPush({ page, field, action, at }) {
  await field("cuid").fill("customer_21");
  await page.keyboard.press("Enter");
  await action("send-test").click();
  await at('[data-told="taken"]').waitFor();
}

/** Waits until a delivery was refused and there are others. */
async function openDeliveries({ page, action, at }) {
  await action("deliveries").click();
  await at('[data-panel="deliveries"] td').waitFor({ timeout: PATIENCE });
  await page.waitForFunction(() => document.querySelectorAll('[data-panel="deliveries"] tbody tr').length >= 8, undefined, { timeout: PATIENCE });
}

/** Somebody else saves another look than the one that is being edited. */
async function changeMeanwhile(admin, noor) {
  const branding = ["#/a/parcelo/production/branding", '[data-preview="popup"] [data-screen]'];
  await admin.open(...branding);
  await admin.field("name").fill("Parcelo Express");
  await noor.open(...branding);
  await noor.field("bg-color").fill("#0B4F6C");
  await noor.action("save").click();
  await noor.at(".done svg").waitFor();
  await admin.action("save").click();
  await admin.at('[data-stale="noor"]').waitFor();
  for (const scheme of ["light", "dark"]) await picture(admin, `branding-stale-${scheme}`, scheme);
}

mkdirSync(pictures, { recursive: true });
for (const old of readdirSync(pictures)) if (old.endsWith(".png")) rmSync(join(pictures, old));
try {
  const admin = await operator(link);
  const noor = await operator(linkOfNoor);
  // The last company has a past once all have.
  const past = "/api/accounts/hohenstein-wittgenburg/environments/production/v1/calls?limit=1";
  const isThere = async (past) => (await (await fetch(past)).json()).calls?.length > 0;
  await admin.page.waitForFunction(isThere, past, { timeout: PATIENCE, polling: 500 });
  await work(admin, noor);
  for (const [name, hash, ready, act] of pages) {
    for (const scheme of ["light", "dark"]) {
      await admin.page.emulateMedia({ colorScheme: scheme });
      await admin.open(hash, ready);
      await act?.(admin);
      await picture(admin, `${name}-${scheme}`, scheme);
    }
  }
  await changeMeanwhile(admin, noor);
  for (const section of ["overview", "calls", "branding"]) {
    await admin.open(`#/a/tawseel/production/${section}`, pages.find(([name]) => name === section)[2], "ar");
    await picture(admin, `${section}-arabic`, "light");
  }
  await admin.open("#/", "[data-account]", "ar");
  await picture(admin, "accounts-arabic", "light");
  await admin.page.setViewportSize({ width: 390, height: 844 });
  for (const section of ["overview", "calls"]) {
    await admin.open(`#/a/hohenstein-wittgenburg/production/${section}`, section === "overview" ? "[data-tile]" : '[data-panel="calls"] td');
    await picture(admin, `${section}-telephone`, "light");
  }
  await admin.page.setViewportSize(DESKTOP);
  await admin.action("sign-out").click();
  await admin.at('[data-page="sign-in"]').waitFor();
  for (const scheme of ["light", "dark"]) await picture(admin, `sign-in-${scheme}`, scheme);
} catch (error) {
  failures.push(error.message);
} finally {
  await browser.close();
}
for (const failure of failures) console.error(failure);
console.log(`${taken} pictures, ${failures.length} failures`);
process.exitCode = failures.length ? 1 : 0;
