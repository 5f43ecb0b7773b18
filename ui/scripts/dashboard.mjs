// Goes through the service's dashboard as an operator does, in the browser that `CHROMIUM` names: `crates/signedcall-server/tests/browser` starts a service with a
// past, and says where it is (`DASHBOARD_URL`) and by which link one gets in (`DASHBOARD_LINK`). It fails on whatever an operator would come up against: something that
// does not work, that axe objects to, that cannot be reached by keyboard, that is wider than the screen, that asks anybody else for anything.
// With `DASHBOARD_PICTURES` set to a folder, it keeps what it sees.

import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

const here = fileURLToPath(new URL("..", import.meta.url));
const { DASHBOARD_URL: origin, DASHBOARD_LINK: link, DASHBOARD_PICTURES: pictures, CHROMIUM } = process.env;
const PASSWORD = "four words beside another";
/** A picture of one point. */
const PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const DESKTOP = { width: 1280, height: 860 };

const executablePath =
  CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable"].find(existsSync);
if (!executablePath) throw new Error("there is no Chromium: CHROMIUM names none, and none is installed");
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? ["--no-sandbox"] : [] });
const axe = readFileSync(join(here, "node_modules/axe-core/axe.min.js"), "utf8");
const failures = [];
let looked = 0;
let doing = "";

const context = await browser.newContext({ viewport: DESKTOP, reducedMotion: "reduce", locale: "en-GB", timezoneId: "Europe/Berlin", colorScheme: "light" });
await context.grantPermissions(["clipboard-read", "clipboard-write"], { origin });
const page = await context.newPage();
page.setDefaultTimeout(15_000);
page.on("pageerror", (error) => failures.push(`${doing}: ${error.message}`));
page.on("console", (message) => {
  // What is refused is logged as well; the pages say so in their own words.
  if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) failures.push(`${doing}: ${message.text()}`);
});
page.on("request", (request) => {
  if (!request.url().startsWith(`${origin}/`) && !request.url().startsWith("data:")) failures.push(`${doing}: asks somebody else: ${request.url()}`);
});

const at = (selector) => page.locator(selector).first();
const action = (name) => at(`[data-action="${name}"]`);
const field = (name) => at(`[data-field="${name}"]`);
const on = (name) => at(`[data-page="${name}"]`).waitFor();
const press = async (...keys) => {
  for (const key of keys) await page.keyboard.press(key);
};

function expect(what, is) {
  if (!is) failures.push(`${doing}: ${what}`);
}

/** The sections of an account, and what is there once its page is. */
const inAccount = [
  ["overview", '[data-panel="live"] td, [data-panel="live"] .nobody'],
  ["calls", '[data-panel="calls"] td, [data-panel="calls"] [data-empty]'],
  ["branding", '[data-preview="popup"] [data-screen]'],
  ["credentials", '[data-panel="token-keys"] td, [data-panel="token-keys"] [data-empty]'],
  ["users", '[data-panel="quiet"] td, [data-panel="quiet"] [data-empty]'],
  ["push", '[data-panel="web-push"] [data-key]'],
  ["webhooks", '[data-panel="webhooks"] td, [data-panel="webhooks"] [data-empty]'],
  ["settings", '[data-field="max-call-seconds"]'],
];
const elsewhere = [
  ["accounts", "#/", "[data-account]"],
  ["audit", "#/audit", '[data-panel="audit"] td'],
  ["health", "#/health", "[data-ready]"],
  ["me", "#/me", '[data-field="before"]'],
];

let spoken = "";

/** Opens a page by its address, as somebody does who has kept it; or goes on to it, where another one is there in the same language. */
async function open(hash, name, ready, { lang = "en", type = "100%" } = {}) {
  const shown = await page.evaluate(() => document.querySelector("[data-page]")?.dataset.page);
  const goesOn = spoken === lang && !(await page.evaluate(() => document.querySelector("[role=alertdialog]"))) && shown && shown !== name && !shown.startsWith("link");
  if (goesOn) await page.evaluate((hash) => (location.hash = hash), hash);
  else {
    await page.goto("about:blank");
    await page.goto(`${origin}/?lang=${lang}${hash}`);
  }
  spoken = lang;
  await page.evaluate((size) => (document.documentElement.style.fontSize = size), type);
  await on(name);
  await at(ready).waitFor();
  await page.evaluate(() => document.fonts.ready);
}

/** Lets axe look, and looks for what is wider than the screen. */
async function look(title, options = {}) {
  looked += 1;
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const { violations } = await page.evaluate((options) => globalThis.axe.run(document, { resultTypes: ["violations"], ...options }), options);
  for (const { id, help, nodes } of violations) failures.push(`${title}: ${id}: ${help}\n  ${nodes.map(({ html }) => html.slice(0, 160)).join("\n  ")}`);
  await lookAtEdges(title);
}

async function lookAtEdges(title) {
  for (const wide of await page.evaluate(tooWide)) failures.push(`${title}: too wide: ${wide}`);
}

/** Runs in the page: what is not wholly between its edges. */
function tooWide() {
  const { clientWidth, scrollWidth } = document.documentElement;
  if (scrollWidth <= clientWidth) return [];
  const beyond = [...document.querySelectorAll("main *, header *")].filter((element) => {
    const { left, right } = element.getBoundingClientRect();
    return !element.closest("[inert], .visually-hidden, svg") && (right > clientWidth + 1 || left < -1);
  });
  return [`${scrollWidth} of ${clientWidth}`, ...beyond.slice(-3).map((element) => element.outerHTML.slice(0, 120))];
}

async function picture(name, options = {}) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.mouse.move(0, 0);
  writeFileSync(join(pictures, `${name}.png`), await page.screenshot({ animations: "disabled", caret: "hide", ...options }));
}

/** Goes through a page by Tab alone: every control has its turn, and shows that it has it. */
async function byKeyboard(title) {
  await page.evaluate(() => {
    document.body.tabIndex = -1;
    document.body.focus();
  });
  const seen = [];
  for (;;) {
    const before = await page.evaluate(outlines);
    await press("Tab");
    const stop = await page.evaluate(() => {
      const controls = [...document.querySelectorAll("a[href], button, input, textarea, summary, [tabindex='0']")];
      return { index: controls.indexOf(document.activeElement), html: document.activeElement.outerHTML.slice(0, 90) };
    });
    if (stop.index < 0 || seen.includes(stop.index)) break;
    if (before === (await page.evaluate(outlines))) failures.push(`${title}: the focus is not seen: ${stop.html}`);
    seen.push(stop.index);
  }
  if (seen.some((index, nth) => nth && index < seen[nth - 1])) failures.push(`${title}: Tab does not go in the order of reading: ${seen}`);
  const expected = await page.evaluate(() => {
    const controls = [...document.querySelectorAll("a[href], button:enabled, input:enabled:not([type=radio]:not(:checked)), textarea, summary")];
    return controls.filter((control) => control.checkVisibility() && control.tabIndex >= 0 && !control.closest("[inert]")).length;
  });
  if (seen.length !== expected) failures.push(`${title}: Tab reaches ${seen.length} of ${expected} controls`);
}

/** Runs in the page: every ring that is drawn, and where. */
function outlines() {
  return [...document.querySelectorAll("*")]
    .map((element, index) => [index, getComputedStyle(element)])
    .filter(([, { outlineStyle }]) => outlineStyle !== "none")
    .map(([index, { outlineWidth, outlineColor }]) => `${index} ${outlineWidth} ${outlineColor}`)
    .join();
}

const steps = {
  async "a link lets the first operator choose a password"() {
    await page.goto(link.replace("/#/", "/?lang=en#/"));
    await on("link");
    await look("link");
    await picture("link");
    await field("password").fill(PASSWORD);
    await field("again").fill("something else");
    await action("choose-password").click();
    await at('[data-error="again"]').waitFor();
    for (const name of ["password", "again"]) await field(name).fill("short");
    await action("choose-password").click();
    await at('[data-error="password"]').waitFor();
    await look("link with an error");
    for (const name of ["password", "again"]) await field(name).fill(PASSWORD);
    await press("Enter");
    await on("accounts");
    await at('[data-account="parcelo"]').waitFor();
  },

  async "the same link lets nobody in again"() {
    await page.goto("about:blank");
    await page.goto(link.replace("/#/", "/?lang=en#/"));
    await on("link-gone");
    await look("link that is gone");
    await picture("link-gone");
    await action("to-sign-in").click();
    await on("accounts");
  },

  async "an account is added by keyboard alone, and its keys are shown once"() {
    await open("#/", "accounts", "[data-account]");
    await page.evaluate(() => document.querySelector("main").focus());
    await press("Tab", "Enter");
    await at('[data-dialog="add-account"]').waitFor();
    await page.keyboard.type("grocer");
    await press("Tab");
    await page.keyboard.type("Grocer & Sons");
    await look("adding an account");
    await picture("add-account");
    await press("Enter");
    await at('[data-dialog="secret"]').waitFor();
    await press("Escape");
    const secrets = await page.locator("[data-secret]").allTextContents();
    expect(`two keys are shown: ${secrets.length}`, secrets.length === 2 && secrets.every((secret) => /^sc_(production|development)_/.test(secret)));
    await look("the keys of a new account");
    await action("copy").click();
    expect("a key is copied", secrets.includes(await page.evaluate(() => navigator.clipboard.readText())));
    await action("close-secret").click();
    await at('[data-account="grocer"]').waitFor();
    expect("a key is shown once", !(await page.content()).includes(secrets[0]));
  },

  async "an account of an id that is taken is refused where that is"() {
    await action("add-account").click();
    await field("id").fill("grocer");
    await field("name").fill("Another");
    await action("confirm-add-account").click();
    await at('[data-error="id"]').waitFor();
    await field("bg_color").fill("navy");
    await field("id").fill("another");
    await action("confirm-add-account").click();
    await at('[data-error="bg_color"]').waitFor();
    await press("Escape");
  },

  async "a key is made, and the one before is revoked once that is confirmed"() {
    await open("#/a/grocer/production/credentials", "credentials", '[data-panel="keys"] td');
    await action("add-key").click();
    await at('[data-dialog="secret"]').waitFor();
    await picture("new-key");
    await action("close-secret").click();
    await page.locator('[data-panel="keys"] [data-action="revoke"]').nth(1).waitFor();
    await page.locator('[data-panel="keys"] [data-action="revoke"]').nth(1).click();
    await action("cancel-revoke").waitFor();
    await look("revoking a key");
    await action("cancel-revoke").click();
    await page.locator('[data-panel="keys"] [data-action="revoke"]').nth(1).click();
    await action("confirm-revoke").click();
    await page.waitForFunction(() => document.querySelectorAll('[data-panel="keys"] [data-action="revoke"]').length === 1);
    await page.waitForFunction(() => document.activeElement?.tagName === "H1");
    await action("set-token-keys").click();
    await field("jwks").fill('{"keys": "none"}');
    await action("confirm-token-keys").click();
    await at('[data-error="jwks"]').waitFor();
    await look("a wrong set of keys");
    await field("jwks").fill('{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "first", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}');
    await action("confirm-token-keys").click();
    await at('[data-panel="token-keys"] td').waitFor();
    await action("environment-development").click();
    await at('[data-panel="token-keys"] [data-empty]').waitFor();
  },

  async "branding is seen while it is changed, its contrast is told, and it is saved"() {
    await open("#/a/parcelo/production/branding", "branding", '[data-preview="popup"] [data-screen]');
    const background = () => at('[data-preview="incoming"] [data-screen]').evaluate((screen) => getComputedStyle(screen).backgroundColor);
    await field("bg-color").fill("#777777");
    await field("font-color").fill("#888888");
    await page.locator('[data-legible="false"]').waitFor();
    expect(`the preview follows: ${await background()}`, (await background()) === "rgb(119, 119, 119)");
    await look("branding that is hard to read");
    await picture("branding-illegible");
    await field("bg-color").fill("grey");
    await action("save").click();
    await at('[data-error="bg-color"]').waitFor();
    await field("bg-color").fill("#12355B");
    await field("font-color").fill("#FFFFFF");
    await page.locator('[data-legible="true"]').waitFor();
    await field("button-theme-dark").check({ force: true });
    await action("save").click();
    await page.locator(".done svg").waitFor();
    await page.reload();
    await at('[data-preview="popup"] [data-screen]').waitFor();
    expect(`it is kept: ${await background()}`, (await background()) === "rgb(18, 53, 91)");
    expect("nothing in a preview takes the focus", await page.evaluate(() => !document.activeElement.closest("[inert]")));
    // What the service gives, whoever gives it that.
    await page.route("**/api/logo?*", (route) => route.fulfill({ json: { picture: PIXEL } }));
    await field("logo").fill("https://parcelo.example/logo.png");
    await at('[data-preview="incoming"] img').waitFor();
    const logos = await page.locator("[data-preview] img").evaluateAll((all) => all.map((one) => one.src));
    expect(`the logo is in the preview: ${logos}`, logos.length > 1 && logos.every((src) => src === PIXEL));
    await look("branding with a logo");
    await page.unroute("**/api/logo?*");
    await field("logo").fill("https://127.0.0.1/logo.png");
    await page.getByText("No picture could be had there").waitFor();
    expect("there is a letter in its place", (await page.locator("[data-preview] img").count()) === 0);
    await field("logo").fill("");
  },

  async "what another operator has saved meanwhile is told, and nothing that was entered is lost"() {
    const branding = "#/a/parcelo/production/branding";
    await open(branding, "branding", '[data-preview="popup"] [data-screen]');
    await field("name").fill("Parcelo Express");
    const another = await browser.newContext({ viewport: DESKTOP, locale: "en-GB" });
    const theirs = await another.newPage();
    await theirs.goto(`${origin}/?lang=en${branding}`);
    await theirs.locator('[data-field="name"]').fill("admin");
    await theirs.locator('[data-field="password"]').fill(PASSWORD);
    await theirs.keyboard.press("Enter");
    await theirs.locator('[data-field="bg-color"]').fill("#4B2E83");
    await theirs.locator('[data-action="save"]').click();
    await theirs.locator(".done svg").waitFor();
    await another.close();
    await action("save").click();
    await at('[data-stale="admin"]').waitFor();
    expect("what was entered is still there", (await field("name").inputValue()) === "Parcelo Express");
    expect("it is said what is saved", (await at("[data-stale]").textContent()).includes("#4B2E83"));
    await look("a look that somebody else has changed");
    await picture("branding-stale");
    await action("take-theirs").click();
    await at("[data-stale]").waitFor({ state: "detached" });
    expect("theirs is gone on with", (await field("bg-color").inputValue()) === "#4B2E83" && (await field("name").inputValue()) === "Parcelo");
    await field("bg-color").fill("#12355B");
    await action("save").click();
    await page.locator(".done svg").waitFor();
  },

  async "users are blocked, quiet hours are set, and policies are changed"() {
    await open("#/a/parcelo/production/users", "users", '[data-panel="quiet"] [data-empty]');
    await action("block").click();
    await field("cuid").fill("x");
    await action("confirm-block").click();
    await at('[data-error="cuid"]').waitFor();
    await field("cuid").fill("courier_666");
    await action("confirm-block").click();
    await at('[data-row="courier_666"]').waitFor();
    await action("add-quiet").click();
    await field("from").fill("25:00");
    await action("confirm-quiet").click();
    await at('[data-error="from"]').waitFor();
    await field("from").fill("22:00");
    await look("quiet hours");
    expect("the reader's own zone is suggested", ["+01:00", "+02:00"].includes(await field("utc-offset").inputValue()));
    await action("confirm-quiet").click();
    await at('[data-panel="quiet"] td').waitFor();
    // Those of somebody far away are told as they were set, wherever whoever reads them is.
    await action("add-quiet").click();
    await field("cuid").fill("courier_nuku");
    await field("from").fill("21:15");
    await field("utc-offset").fill("-09:30");
    await action("confirm-quiet").click();
    const set = '[data-panel="quiet"] [data-row="courier_nuku"]';
    await at(set).waitFor();
    const elsewhere = await browser.newContext({ viewport: DESKTOP, locale: "en-GB", timezoneId: "Asia/Kolkata", storageState: await context.storageState() });
    const theirs = await elsewhere.newPage();
    await theirs.goto(`${origin}/?lang=en#/a/parcelo/production/users`);
    await theirs.locator(set).waitFor();
    for (const [whose, shown] of [["ours", page], ["theirs", theirs]]) {
      const words = await shown.locator(`${set} td, ${set} th`).allInnerTexts();
      expect(`${whose}: ${words}`, ["21:15", "07:00", "-09:30"].every((word) => words.some((text) => text.includes(word))));
    }
    await theirs.locator('[data-action="add-quiet"]').click();
    expect("another zone is suggested there", (await theirs.locator('[data-field="utc-offset"]').inputValue()) === "+05:30");
    await elsewhere.close();
    await open("#/a/parcelo/production/settings", "settings", '[data-field="max-call-seconds"]');
    await field("relay-only").click();
    await field("max-call-seconds").fill("0");
    await action("save").click();
    await at('[data-error="max-call-seconds"]').waitFor();
    await field("max-call-seconds").fill("3600");
    await action("save").click();
    await page.locator("[data-page] form p svg").waitFor();
    await page.reload();
    await at('[data-field="relay-only"][aria-checked="true"]').waitFor();
  },

  async "calls are filtered, and a wrong filter is named"() {
    await open("#/a/parcelo/production/calls", "calls", '[data-panel="calls"] td');
    await field("cuid").fill("courier_8842");
    await field("from").fill("yesterday");
    await action("filter").click();
    await at('[data-error="from"]').waitFor();
    await field("from").fill("");
    await action("filter").click();
    await page.waitForFunction(() =>
      [...document.querySelectorAll('[data-panel="calls"] tbody tr')].every((row) => row.textContent.includes("courier_8842")),
    );
    await field("reason").click();
    await at('[data-option="busy"]').waitFor();
    // The arrows lead through the menu, which scrolls along.
    await look("calls with a menu", { rules: { "scrollable-region-focusable": { enabled: false } } });
    await at('[data-option="busy"]').click();
    await action("filter").click();
    await page.waitForFunction(() => [...document.querySelectorAll('td[data-column="ended"] .cell')].every((cell) => cell.textContent.includes("Busy")));
    await field("cuid").fill("nobody_here");
    await action("filter").click();
    await at('[data-panel="calls"] [data-empty]').waitFor();
    await look("no such calls");
    const [download] = await Promise.all([page.waitForEvent("download"), action("csv").click()]);
    expect(`the table is a file: ${download.suggestedFilename()}`, download.suggestedFilename() === "calls.csv");
  },

  async "a webhook is added, and its secret is shown once"() {
    await open("#/a/parcelo/production/webhooks", "webhooks", '[data-panel="webhooks"] [data-empty]');
    await picture("empty");
    await action("add-webhook").click();
    await field("url").fill("ftp://parcelo.example");
    await action("confirm-webhook").click();
    await at('[data-error="url"]').waitFor();
    await field("url").fill("http://127.0.0.1:9/calls");
    await action("confirm-webhook").click();
    await at("[data-secret]").waitFor();
    await action("close-secret").click();
    await action("deliveries").click();
    await at('[data-panel="deliveries"] [data-empty]').waitFor();
    await look("no deliveries");
    await action("back").click();
  },

  async "what Apple takes pushes by is entered, and its secret is not shown again"() {
    await open("#/a/parcelo/production/push", "push", '[data-panel="apns"] [data-empty]');
    await picture("push-empty", { fullPage: true });
    await action("set-apns").click();
    await field("bundle-id").fill("com.parcelo.app.voip");
    await action("confirm-apns").click();
    await at('[data-error="key"]').waitFor();
    await field("key").fill("-----BEGIN PRIVATE KEY-----");
    await action("confirm-apns").click();
    await at('[data-error="team-id"]').waitFor();
    await field("team-id").fill("TEAM567890");
    await action("confirm-apns").click();
    await at('[data-error="key-id"]').waitFor();
    await field("key-id").fill("KEY4567890");
    await action("confirm-apns").click();
    await at('[data-error="bundle-id"]').waitFor();
    await field("bundle-id").fill("com.parcelo.app");
    await action("confirm-apns").click();
    await at('[data-error="key"]').waitFor();
    await look("a wrong key for Apple");
    await picture("apns-wrong");
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
    await field("choose-key-file").setInputFiles({ name: "AuthKey_KEY4567890.p8", mimeType: "application/pkcs8", buffer: Buffer.from(key) });
    await page.waitForFunction((key) => document.querySelector('[data-field="key"]').value === key, key);
    await picture("apns");
    await action("confirm-apns").click();
    await at('[data-panel="apns"] [data-entered]').waitFor();
    await action("set-apns").click();
    expect("what is known is there to begin with", (await field("key-id").inputValue()) === "KEY4567890");
    expect("a secret is not shown again", (await field("key").inputValue()) === "");
    await field("proof-certificate").check({ force: true });
    await action("confirm-apns").click();
    await at('[data-error="certificate"]').waitFor();
    await look("a wrong certificate for Apple");
    await press("Escape");
    await at('[data-dialog="apns"]').waitFor({ state: "detached" });
  },

  async "a test push is sent to a device of somebody, and what has come of it is told"() {
    await field("cuid").fill("x");
    await press("Enter");
    await at('[data-panel="test-push"] [data-error="cuid"]').waitFor();
    await field("cuid").fill("nobody_here");
    await press("Enter");
    await at('[data-panel="test-push"] [data-empty]').waitFor();
    await look("nobody's devices");
    await field("cuid").fill("courier_8842");
    await press("Enter");
    await page.locator('[data-panel="test-push"] tbody tr').nth(2).waitFor();
    expect("whoever has signed out is not pushed", (await page.locator('[data-action="send-test"]').count()) === 2);
    await action("send-test").click();
    await at('[data-told="not_asked"]').waitFor();
    await look("a push service that is not reached");
    await picture("push-not-asked", { fullPage: true });
    // What Apple itself would say.
    const said = { verdict: "refused", status: 403, reason: "InvalidProviderToken", said: '{"reason":"InvalidProviderToken"}', took_ms: 182 };
    await page.route("**/push/devices/*/*/test", (route) => route.fulfill({ json: said }));
    await page.locator('[data-action="send-test"]').nth(1).click();
    await at('[data-told="refused"]').waitFor();
    await page.emulateMedia({ colorScheme: "dark" });
    await look("a push that Apple refuses, in the dark", { runOnly: ["color-contrast"] });
    await picture("push-refused-dark", { fullPage: true });
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 360, height: 740 });
    await open("#/a/parcelo/production/push", "push", '[data-panel="apns"] [data-entered]', { lang: "ar" });
    await field("cuid").fill("courier_8842");
    await press("Enter");
    await action("send-test").click();
    await at('[data-told="refused"]').waitFor();
    await look("a push that Apple refuses, from right to left");
    await picture("push-refused-arabic", { fullPage: true });
    await action("set-apns").click();
    await look("entering a key from right to left");
    await picture("apns-arabic");
    await press("Escape");
    await page.unroute("**/push/devices/*/*/test");
    await page.setViewportSize(DESKTOP);
  },

  async "every page can be read and used by everybody"() {
    const NARROW = { width: 360, height: 740 };
    for (const [variant, { scheme = "light", viewport = DESKTOP, edges = false, axe = {}, ...options }] of Object.entries({
      light: {},
      // Nothing else is otherwise in the dark.
      dark: { scheme: "dark", axe: { runOnly: ["color-contrast"] } },
      narrow: { viewport: NARROW },
      // What axe says of these it has said of those above.
      arabic: { lang: "ar", edges: true },
      large: { viewport: { width: 1000, height: 860 }, type: "200%", edges: true },
      "large-narrow": { viewport: NARROW, type: "200%", edges: true },
      "arabic-narrow": { lang: "ar", viewport: NARROW, edges: true },
    })) {
      await page.emulateMedia({ colorScheme: scheme });
      await page.setViewportSize(viewport);
      const pages = [...inAccount.map(([name, ready]) => [name, `#/a/parcelo/production/${name}`, ready]), ...elsewhere];
      for (const [name, hash, ready] of pages) {
        doing = `${name}-${variant}`;
        await open(hash, name, ready, options);
        await (edges ? lookAtEdges(doing) : look(doing, axe));
        await picture(doing, { fullPage: true });
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize(DESKTOP);
  },

  async "a company with a long name and nothing yet is shown as well"() {
    await page.setViewportSize({ width: 360, height: 740 });
    for (const [name, ready] of inAccount) {
      doing = `${name} of a company with nothing`;
      await open(`#/a/a-company-with-a-long-name/development/${name}`, name, ready);
      await look(doing);
    }
    await picture("long-narrow", { fullPage: true });
    await action("menu").click();
    await at("nav.open").waitFor();
    await look("the menu");
    await picture("menu-narrow");
    await page.setViewportSize(DESKTOP);
  },

  async "every control is reached by keyboard, and its turn is seen"() {
    for (const [name, hash, ready] of [
      ["accounts", "#/", "[data-account]"],
      ["overview", "#/a/parcelo/production/overview", '[data-panel="live"] td'],
      ["branding", "#/a/parcelo/production/branding", '[data-preview="popup"] [data-screen]'],
      ["credentials", "#/a/grocer/production/credentials", '[data-panel="token-keys"] td'],
      ["push", "#/a/parcelo/production/push", '[data-panel="apns"] [data-entered]'],
      ["settings", "#/a/parcelo/production/settings", '[data-field="max-call-seconds"]'],
    ]) {
      doing = `${name} by keyboard`;
      await open(hash, name, ready);
      await byKeyboard(doing);
    }
    await open("#/", "accounts", "[data-account]");
    await action("show-health").focus();
    await press("Enter");
    await on("health");
    await page.waitForFunction(() => document.activeElement?.tagName === "H1");
  },

  async "the charts are tables as well"() {
    await open("#/a/parcelo/production/overview", "overview", '[data-panel="calls"] svg');
    await at('[data-panel="calls"] summary').click();
    const rows = await page.locator('[data-panel="calls"] details tbody tr').count();
    expect(`a row for each hour: ${rows}`, rows === 24);
    await at('[data-field="span-month"]').check({ force: true });
    await page.waitForFunction(() => document.querySelectorAll('[data-panel="calls"] details tbody tr').length === 30);
    await look("a month");
    await picture("overview-month", { fullPage: true });
    await action("hang-up").click();
    await action("cancel-hang-up").waitFor();
    await look("ending a call");
    await action("cancel-hang-up").click();
  },

  async "a service that does not answer is told of, and tried again"() {
    await open("#/a/parcelo/production/credentials", "credentials", '[data-panel="keys"] td');
    await page.route("**/api/**", (route) => route.abort());
    await action("show-audit").click();
    await at('[data-notice="refused"]').waitFor();
    await look("no answer");
    await picture("unreachable");
    await action("sign-out").click();
    await page.locator('[data-notice="refused"]').nth(1).waitFor();
    expect("nobody is told that they are signed out who is not", (await page.locator('[data-page="sign-in"]').count()) === 0);
    await page.unroute("**/api/**");
    await at('[data-panel="audit"] [data-action="retry"]').click();
    await at('[data-panel="audit"] td').waitFor();
    const done = await page.locator("[data-audit]").evaluateAll((all) => all.map((one) => one.dataset.audit));
    for (const word of ["use_link", "add_account", "add_key", "revoke_key", "set_branding", "block_user", "set_quiet_hours", "set_policy", "add_webhook", "export_calls", "set_apns", "test_push"]) {
      expect(`the audit log has ${word}: ${done}`, done.includes(word));
    }
  },

  async "whoever signs out is out, and signs in again by name and password"() {
    await action("sign-out").click();
    await on("sign-in");
    await look("sign-in");
    await picture("sign-in");
    await field("name").fill("admin");
    await field("password").fill("not the password");
    await press("Enter");
    await at('[data-notice="refused"]').waitFor();
    await look("a wrong password");
    await picture("sign-in-refused");
    expect("the password is not kept", (await field("password").inputValue()) === "");
    await page.keyboard.type(PASSWORD);
    await press("Enter");
    await on("audit");
    await context.clearCookies();
    await action("show-accounts").click();
    await on("sign-in");
    await at('[data-notice="ended"]').waitFor();
    await page.emulateMedia({ colorScheme: "dark" });
    await look("sign-in in the dark");
    await picture("sign-in-dark");
  },
};

const begun = Date.now();
try {
  for (const [name, step] of Object.entries(steps)) {
    doing = name;
    await step();
    console.log(`${((Date.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${name}`);
  }
} catch (error) {
  failures.push(`${doing}: ${error.message}`);
  if (pictures) await picture("failed", { fullPage: true });
} finally {
  await browser.close();
}
for (const failure of failures) console.error(failure);
console.log(`${Object.keys(steps).length} steps, ${looked} looks, ${failures.length} failures`);
process.exitCode = failures.length ? 1 : 0;
