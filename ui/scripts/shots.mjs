// Takes pictures of every screen over the fake bridge, in the browser that `CHROMIUM` names, and lets axe look at each.
// `--check-only` looks without writing. It fails on an accessibility violation, on a control that cannot be reached by scrolling or by
// keyboard, on something that moves though the user wants no motion, on a breach of the app's content security policy, and on whatever else a
// page logs as an error.

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { shots } from "./shot-list.mjs";

const here = fileURLToPath(new URL("..", import.meta.url));
const site = join(here, "dist-fake");
const pictures = join(here, "..", "assets", "screens");
const checkOnly = process.argv.includes("--check-only");
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice("--only=".length);

/** The moment that `src/bridge/scenarios.ts` tells of. */
const NOW = Date.UTC(2026, 10, 18, 9, 45);

execFileSync(join(here, "node_modules/.bin/vite"), ["build", "--mode", "fake", "--outDir", site, "--logLevel", "warn"], { cwd: here, stdio: "inherit" });

const server = createServer(serve);
await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
const origin = `http://127.0.0.1:${server.address().port}`;

const executablePath = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
// Painting only what changed leaves traces of what was there before: the same picture would differ by a few points.
const flags = ["--disable-partial-raster", "--num-raster-threads=1"];
const browser = await chromium.launch({ executablePath, args: process.getuid?.() === 0 ? [...flags, "--no-sandbox"] : flags });
const axe = readFileSync(join(here, "node_modules/axe-core/axe.min.js"), "utf8");
const failures = [];
const taken = [];
const pages = new Map();
let showing = "";

try {
  for (const shot of shots) {
    if (only && !only.split(",").some((name) => shot.name.startsWith(name))) continue;
    for (const scheme of shot.schemes) taken.push(await take(shot, scheme));
  }
  if (!only) await checkMotion();
  checkPlaces();
  if (!checkOnly && !only) await writeAll();
} finally {
  await browser.close();
  server.close();
}

for (const failure of failures) console.error(failure);
console.log(`${taken.length} screens, ${failures.length} failures`);
process.exitCode = failures.length ? 1 : 0;

/** Opens one screen, does what it asks for, lets axe look, and takes its picture. */
async function take(shot, scheme) {
  const title = shot.schemes.length > 1 ? `${shot.name}-${scheme}` : shot.name;
  showing = title;
  const page = await pageFor(scheme);
  await page.setViewportSize(shot.viewport);
  await page.mouse.move(0, 0);
  const query = new URLSearchParams({ scenario: shot.scenario, lang: shot.lang, window: shot.window, ...shot.query });
  await page.goto(`${origin}/?${query}`);
  await page.locator(`[data-screen="${shot.screen}"]`).waitFor();
  await page.evaluate((size) => (document.documentElement.style.fontSize = size), shot.type);
  await shot.act?.(page);
  await page.evaluate(() => document.fonts.ready);
  if (shot.whole) await growToFit(page, title);

  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { rules: { region: { enabled: true } } }));
  for (const violation of violations) {
    failures.push(`${title}: ${violation.id}: ${violation.help}\n  ${violation.nodes.map((node) => node.html).join("\n  ")}`);
  }
  for (const wide of await page.evaluate(tooWide)) failures.push(`${title}: too wide: ${wide}`);
  for (const cut of await page.evaluate(outOfReach)) failures.push(`${title}: out of reach: ${cut}`);
  for (const moving of await page.evaluate(moves)) failures.push(`${title}: moves: ${moving}`);
  const places = await page.evaluate(placesOfControls);

  if (shot.keyboard) await checkKeyboard(page, title);
  const png = await page.screenshot({ animations: "disabled", caret: "hide" });
  if (only) writeFileSync(join(site, `${title}.png`), png);
  return { title, scheme, png, places, ...shot };
}

/** Makes the window as high as what is in it. What then still scrolls, or is cut off, never fits. */
async function growToFit(page, title) {
  const { width, height } = page.viewportSize();
  await page.setViewportSize({ width, height: height + (await page.evaluate(hidden)) });
  const left = await page.evaluate(hidden);
  if (left) failures.push(`${title}: ${left} pixels are cut off`);
}

/** Runs in the page: how many pixels of what scrolls are out of sight. */
function hidden() {
  const scrolls = [...document.querySelectorAll("*")].filter((element) => /auto|scroll/.test(getComputedStyle(element).overflowY));
  return Math.max(0, ...[document.documentElement, ...scrolls].map((element) => element.scrollHeight - element.clientHeight));
}

/** Runs in the page: what scrolls sideways, which nothing should. */
function tooWide() {
  return [...document.querySelectorAll("*")]
    .filter((element) => element.scrollWidth > element.clientWidth && /auto|scroll/.test(getComputedStyle(element).overflowX))
    .map((element) => element.outerHTML.slice(0, 80));
}

/** Runs in the page: which controls are not wholly on the screen, wherever it is scrolled to. */
function outOfReach() {
  const open = document.querySelector("[role=listbox], [role=alertdialog], [role=dialog]") ?? document;
  const controls = [...open.querySelectorAll("[data-action], [data-field]:not([role=group]), [data-option], summary")];
  const cut = controls.filter((control) => {
    control.scrollIntoView({ block: "center" });
    const { left, right, top, bottom } = control.getBoundingClientRect();
    return left < -1 || right > innerWidth + 1 || top < -1 || bottom > innerHeight + 1;
  });
  document.querySelectorAll("*").forEach((element) => element.scrollTop && element.scrollTo({ top: 0 }));
  return cut.map((control) => control.outerHTML.slice(0, 80));
}

/** Runs in the page: what is animated. */
function moves() {
  return document.getAnimations().map((animation) => animation.animationName ?? animation.transitionProperty);
}

/** Goes through a screen by Tab alone: every control has its turn, once, in the order of reading, and shows that it has it. */
async function checkKeyboard(page, title) {
  const stops = [];
  await page.evaluate(() => {
    const start = document.querySelector("[role=alertdialog], [role=dialog]") ?? document.body;
    start.tabIndex = -1;
    start.focus();
  });
  for (;;) {
    const before = await page.evaluate(outlines);
    await page.keyboard.press("Tab");
    const stop = await page.evaluate(() => {
      const within = document.querySelector("[role=alertdialog], [role=dialog]") ?? document;
      const controls = [...within.querySelectorAll("button, input, summary, [tabindex='0']")];
      return { index: controls.indexOf(document.activeElement), html: document.activeElement.outerHTML.slice(0, 80) };
    });
    if (stop.index < 0 || stops.some(({ index }) => index === stop.index)) break;
    if (before === (await page.evaluate(outlines))) failures.push(`${title}: the focus is not seen: ${stop.html}`);
    stops.push(stop);
  }
  const order = stops.map(({ index }) => index);
  if (order.some((index, at) => at && index < order[at - 1])) failures.push(`${title}: Tab does not go in the order of reading: ${order}`);
  const expected = await page.evaluate(() => {
    // Of a group of radio buttons, only the chosen one has a turn: the arrows lead to the others.
    const within = document.querySelector("[role=alertdialog], [role=dialog]") ?? document;
    const controls = [...within.querySelectorAll("button:enabled, input:enabled:not([type=radio]:not(:checked)), summary")];
    return controls.filter((control) => control.checkVisibility() && control.tabIndex >= 0).length;
  });
  if (stops.length !== expected) failures.push(`${title}: Tab reaches ${stops.length} of ${expected} controls`);
}

/** Runs in the page: every ring that is drawn. */
function outlines() {
  return [...document.querySelectorAll("*")]
    .map((element) => getComputedStyle(element))
    .map(({ outlineStyle, outlineWidth, outlineColor }) => (outlineStyle === "none" ? "" : `${outlineWidth} ${outlineColor}`))
    .join();
}

/** Runs in the page: where the round buttons of a call are. */
function placesOfControls() {
  const controls = [...document.querySelectorAll("[data-screen] [role=group] [data-action]")];
  return controls.map((control) => {
    const { x, y, width, height } = control.getBoundingClientRect();
    return { action: control.dataset.action, x: x + width / 2, y, bottom: y + height };
  });
}

/** Where motion is wanted, it says one thing alone: that it rings. */
async function checkMotion() {
  const page = await browser.newPage({ reducedMotion: "no-preference", viewport: { width: 420, height: 720 } });
  for (const [scenario, expected] of [["incoming", "breathe"], ["ringing", "breathe"], ["in-call", ""], ["home", ""]]) {
    await page.goto(`${origin}/?scenario=${scenario}`);
    await page.locator("[data-screen]").waitFor();
    const names = new Set((await page.evaluate(moves)).map((name) => name.replace(/^svelte-\w+-/, "")));
    if ([...names].join() !== expected) failures.push(`${scenario}: moves: ${[...names]}`);
  }
  await page.close();
}

/** The red button is always at the same place, and nothing else ever is, so that a second click does not do something else than the first. */
function checkPlaces() {
  const screens = taken.filter((shot) => shot.window === "main" && shot.viewport.width === 420 && shot.type === "100%");
  const controls = screens.flatMap(({ title, places }) => places.map((place) => ({ title, ...place })));
  const red = controls.filter(({ action }) => action === "hang-up" || action === "decline");
  for (const { title, action, x, y, bottom } of controls) {
    const same = Math.abs(x - red[0].x) < 1 && Math.abs(y - red[0].y) < 1;
    const above = bottom <= red[0].y;
    const beside = Math.abs(x - red[0].x) > 56;
    if (action === "hang-up" || action === "decline" ? !same : !(above || beside)) failures.push(`${title}: ${action} is out of its place`);
  }
}

/** Gives the one page of a colour scheme. */
async function pageFor(scheme) {
  const open = pages.get(scheme);
  if (open) return open;
  const page = await browser.newPage({ colorScheme: scheme, reducedMotion: "reduce", locale: "en-GB", timezoneId: "UTC" });
  page.setDefaultTimeout(10_000);
  page.on("console", (message) => message.type() === "error" && failures.push(`${showing}: ${message.text()}`));
  page.on("pageerror", (error) => failures.push(`${showing}: ${error.message}`));
  await page.clock.setFixedTime(NOW);
  pages.set(scheme, page);
  return page;
}

/** Writes each picture, and a sheet of the most telling ones for light and dark. */
async function writeAll() {
  mkdirSync(pictures, { recursive: true });
  for (const old of readdirSync(pictures)) if (old.endsWith(".png")) rmSync(join(pictures, old));
  for (const { title, png } of taken.filter(({ kept }) => kept)) writeFileSync(join(pictures, `${title}.png`), png);
  for (const scheme of ["light", "dark"]) writeFileSync(join(pictures, `${scheme}.png`), await sheet(scheme));
}

async function sheet(scheme) {
  const chosen = taken.filter((shot) => shot.sheet && (shot.schemes.length === 1 || shot.scheme === scheme));
  const page = await browser.newPage({ viewport: { width: 1260, height: 800 }, deviceScaleFactor: 1.5 });
  const ground = scheme === "light" ? "#dcdbd7" : "#0b0b0a";
  await page.setContent(
    `<style>body{margin:0;padding:28px;background:${ground};display:flex;flex-wrap:wrap;gap:28px}img{width:280px;border-radius:12px}</style>` +
      chosen.map(({ png }) => `<img src="data:image/png;base64,${png.toString("base64")}">`).join(""),
  );
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  const png = await page.screenshot({ fullPage: true });
  await page.close();
  return png;
}

/** Serves the built pages under the policy that the app gives them. */
function serve(request, response) {
  const { csp } = JSON.parse(readFileSync(join(here, "../src-tauri/tauri.conf.json"), "utf8")).app.security;
  const policy = Object.entries(csp).map(([directive, sources]) => `${directive} ${[sources].flat().join(" ")}`).join("; ");
  const path = new URL(request.url, origin).pathname;
  const file = normalize(join(site, path === "/" ? "index.html" : path));
  if (!file.startsWith(site) || !existsSync(file)) return void response.writeHead(path === "/favicon.ico" ? 204 : 404).end();
  const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".woff2": "font/woff2" };
  response.writeHead(200, { "content-type": types[extname(file)], "content-security-policy": policy }).end(readFileSync(file));
}
