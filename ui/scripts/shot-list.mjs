// What pictures are taken of. Scenarios are those of `src/bridge/scenarios.ts`.

const PHONE = { width: 420, height: 720 };
const WIDE = { width: 960, height: 640 };
const CARD = { width: 360, height: 264 };
/** The main window, at twice the size: half as much of it. */
const TWICE = { width: 210, height: 360 };

const BOTH = ["light", "dark"];
/** Call screens are in the brand's colours, whatever the system's. */
const ONE = ["light"];

const shot = (name, screen, more = {}) => ({
  name,
  scenario: name,
  screen,
  viewport: PHONE,
  schemes: BOTH,
  lang: "en",
  window: "main",
  query: {},
  /** Whether the window is made as high as what is in it, so that nothing is cut off. */
  whole: false,
  /** The reader's size of type. */
  type: "100%",
  /** Whether it is gone through by keyboard. */
  keyboard: false,
  /** Whether its picture is worth keeping. */
  kept: true,
  ...more,
});
const press = (action) => (page) => page.locator(`[data-action="${action}"]`).first().click();
const openSettings = async (page) => {
  await press("show-settings")(page);
  await page.locator('[data-screen="settings"]').waitFor();
};
const openSound = async (page) => {
  await press("sound")(page);
  await page.locator('[data-option="device:built-in"]').waitFor();
};
/** The settings, with this in sight. */
const settingsAt = (selector) => async (page) => {
  await openSettings(page);
  await page.locator(selector).scrollIntoViewIfNeeded();
};
const openHelp = async (page) => {
  await press("show-help")(page);
  await page.locator('[data-screen="help"]').waitFor();
};
const openTransfer = async (page) => {
  await press("transfer")(page);
  await page.locator('[data-dialog="transfer"]').waitFor();
};
const openNewCall = async (page) => {
  await press("new-call")(page);
  await page.locator('[data-dialog="new-call"]').waitFor();
};
const fill = (page, field, text) => page.locator(`[data-field="${field}"]`).fill(text);

/** The screens that are gone through by keyboard and looked at in large type and at twice the size: one of each kind. */
const kinds = [
  { name: "sign-in", scenario: "sign-in-field-error", screen: "sign-in" },
  { name: "home", scenario: "home-notices", screen: "home" },
  { name: "detail", scenario: "home-long", screen: "home", act: press("open-recent") },
  { name: "settings", scenario: "home", screen: "home", act: openSettings },
  { name: "help", scenario: "help-checked", screen: "home", act: openHelp },
  { name: "link", scenario: "link-asks-why", screen: "home" },
  { name: "incoming", scenario: "incoming-long", screen: "incoming" },
  { name: "in-call", scenario: "in-call-weak", screen: "in-call" },
  { name: "moved", scenario: "in-call-moved", screen: "in-call" },
  { name: "sound", scenario: "in-call-loud", screen: "in-call", act: openSound },
  { name: "trial", scenario: "settings-trial-listening", screen: "home", act: openSettings },
  { name: "waiting", scenario: "in-call-waiting-long", screen: "in-call" },
  { name: "beside", scenario: "in-call-beside-long", screen: "in-call" },
  { name: "transfer", scenario: "in-call", screen: "in-call", act: openTransfer },
  { name: "new-call", scenario: "in-call-held", screen: "in-call", act: openNewCall },
  { name: "ended", scenario: "ended-network", screen: "ended" },
  { name: "popup", scenario: "incoming-long", screen: "incoming", window: "incoming", viewport: CARD },
  { name: "popup-waiting", scenario: "in-call-waiting-long", screen: "incoming", window: "incoming", viewport: CARD },
];

const checked = { schemes: ONE, kept: false };

export const shots = [
  shot("sign-in", "sign-in", { sheet: true }),
  shot("sign-in-kept", "sign-in", { schemes: ONE }),
  shot("sign-in-field-error", "sign-in"),
  shot("sign-in-refused", "sign-in", { schemes: ONE }),
  shot("signing-in", "sign-in", { schemes: ONE }),
  shot("home", "home", { sheet: true }),
  shot("home-missed", "home", { schemes: ONE, query: { focus: "no" } }),
  shot("home-empty", "home"),
  shot("home-reconnecting", "home"),
  shot("home-session-only", "home"),
  shot("home-notices", "home", { schemes: ONE }),
  shot("home-long", "home", { schemes: ONE }),
  shot("home-dial-errors", "home", {
    scenario: "home",
    act: async (page) => {
      await fill(page, "cuid", "courier_8842");
      await fill(page, "context", "What, now?!");
      await press("dial")(page);
      await page.locator('[data-error="context"]').waitFor();
    },
  }),
  shot("home-detail", "home", { scenario: "home", act: press("open-recent") }),
  shot("home-transferred", "home", { schemes: ONE, act: press("open-recent") }),
  shot("home-elsewhere", "home", { schemes: ONE }),
  shot("home-elsewhere-detail", "home", { scenario: "home-elsewhere", schemes: ONE, act: press("open-recent") }),
  shot("home-elsewhere-arabic", "home", { scenario: "home-elsewhere", schemes: ONE, lang: "ar" }),
  shot("home-arabic", "home", { scenario: "home", lang: "ar" }),
  shot("home-wide", "home", { scenario: "home", viewport: WIDE }),
  shot("home-wide-detail", "home", { scenario: "home", viewport: WIDE, act: press("open-recent") }),
  shot("settings", "home", { scenario: "home", sheet: true, act: openSettings }),
  shot("settings-ring-speaker", "home", { schemes: ONE, act: openSettings }),
  shot("settings-trial-listening", "home", { act: settingsAt("[data-trial]") }),
  shot("settings-trial-arabic", "home", { scenario: "settings-trial-listening", schemes: ONE, lang: "ar", act: settingsAt("[data-trial]") }),
  shot("settings-trial-playing", "home", { schemes: ONE, act: settingsAt("[data-trial]") }),
  shot("settings-trial-over", "home", { schemes: ONE, act: settingsAt("[data-trial]") }),
  shot("settings-trial-failed", "home", { act: settingsAt("[data-trial]") }),
  shot("settings-no-devices", "home", { schemes: ONE, act: openSettings }),
  shot("settings-tone-error", "home", {
    scenario: "home",
    schemes: ONE,
    act: async (page) => {
      await openSettings(page);
      await fill(page, "ringtone", "/home/noor/Music/ring.mid");
      await page.keyboard.press("Enter");
      await page.locator('[data-error="ringtone"]').waitFor();
    },
  }),
  shot("settings-device-menu", "home", {
    scenario: "home",
    act: async (page) => {
      await openSettings(page);
      await page.locator('[data-field="microphone"]').click();
      await page.locator('[data-option="device:built-in"]').waitFor();
    },
  }),
  shot("settings-distributors", "home", { whole: true, act: openSettings }),
  shot("settings-distributors-arabic", "home", { scenario: "settings-distributors", whole: true, schemes: ONE, lang: "ar", act: openSettings }),
  shot("settings-sign-out", "home", {
    scenario: "home",
    act: async (page) => {
      await openSettings(page);
      await press("sign-out")(page);
      await page.locator('[data-action="confirm-sign-out"]').waitFor();
    },
  }),
  shot("settings-whole", "home", { scenario: "home", whole: true, act: openSettings }),
  shot("settings-whole-arabic", "home", { scenario: "home", whole: true, lang: "ar", act: openSettings }),
  shot("settings-arabic", "home", { scenario: "home", lang: "ar", schemes: ONE, act: openSettings }),
  shot("settings-wide", "home", { scenario: "home", viewport: WIDE, schemes: ONE, act: openSettings }),
  shot("sign-in-arabic", "sign-in", { scenario: "sign-in-field-error", lang: "ar", schemes: ONE }),
  shot("help", "home", { scenario: "help-checked", sheet: true, act: openHelp }),
  shot("help-arabic", "home", { scenario: "help-checked", lang: "ar", schemes: ONE, act: openHelp }),
  shot("help-wide", "home", { scenario: "help-checked", viewport: WIDE, schemes: ONE, act: openHelp }),
  shot("help-questions", "home", {
    scenario: "home",
    schemes: ONE,
    act: async (page) => {
      await openHelp(page);
      for (const question of await page.locator("summary").all()) await question.click();
      await page.locator("summary").first().scrollIntoViewIfNeeded();
    },
  }),
  shot("sign-in-help", "sign-in", { schemes: ONE, act: openHelp }),
  shot("sign-in-link", "sign-in", { schemes: ONE }),
  shot("link-asks", "home", { sheet: true }),
  shot("link-asks-why", "home", { schemes: ONE }),
  shot("link-arabic", "home", { scenario: "link-asks", lang: "ar", schemes: ONE }),
  shot("calling", "outgoing", { schemes: ONE }),
  shot("ringing", "outgoing", { schemes: ONE, sheet: true }),
  shot("incoming", "incoming", { schemes: ONE }),
  shot("incoming-nameless", "incoming", { schemes: ONE }),
  shot("incoming-long", "incoming", { schemes: ONE }),
  shot("incoming-picture", "incoming", { schemes: ONE, sheet: true }),
  shot("incoming-light-brand", "incoming", { schemes: ONE }),
  shot("incoming-arabic", "incoming", { schemes: ONE, lang: "ar" }),
  shot("incoming-keyboard", "incoming", { scenario: "incoming", schemes: ONE, act: (page) => page.keyboard.press("Tab") }),
  shot("connecting", "connecting", { schemes: ONE }),
  shot("in-call", "in-call", { schemes: ONE, sheet: true }),
  shot("in-call-muted", "in-call", { schemes: ONE }),
  shot("in-call-weak", "in-call", { schemes: ONE }),
  shot("in-call-too-loud", "in-call", { schemes: ONE }),
  shot("in-call-losing", "in-call", { schemes: ONE }),
  shot("in-call-losing-arabic", "in-call", { schemes: ONE, lang: "ar" }),
  shot("in-call-poor", "in-call", { schemes: ONE, sheet: true }),
  shot("in-call-arabic", "in-call", { scenario: "in-call-poor", lang: "ar", schemes: ONE }),
  shot("in-call-sound-menu", "in-call", { scenario: "in-call", sheet: true, act: openSound }),
  shot("in-call-loud", "in-call", { act: openSound }),
  shot("in-call-loud-arabic", "in-call", { scenario: "in-call-loud", schemes: ONE, lang: "ar", act: openSound }),
  shot("in-call-moved", "in-call", { schemes: ONE }),
  shot("in-call-moved-arabic", "in-call", { scenario: "in-call-moved", schemes: ONE, lang: "ar" }),
  shot("in-call-no-devices", "in-call", { schemes: ONE }),
  shot("in-call-interrupted", "in-call", { schemes: ONE }),
  shot("in-call-light-brand", "in-call", { schemes: ONE }),
  shot("in-call-wide", "in-call", { scenario: "in-call", schemes: ONE, viewport: WIDE }),
  shot("in-call-held", "in-call", { schemes: ONE, sheet: true }),
  shot("in-call-held-arabic", "in-call", { scenario: "in-call-held", schemes: ONE, lang: "ar" }),
  shot("in-call-on-hold", "in-call", { schemes: ONE }),
  shot("in-call-both-hold", "in-call", { schemes: ONE }),
  shot("in-call-waiting", "in-call", { schemes: ONE, sheet: true }),
  shot("in-call-waiting-long", "in-call", { schemes: ONE }),
  shot("in-call-waiting-light-brand", "in-call", { schemes: ONE }),
  shot("in-call-waiting-transferred", "in-call", { schemes: ONE }),
  shot("in-call-waiting-arabic", "in-call", { schemes: ONE, lang: "ar" }),
  shot("in-call-waiting-large", "in-call", { scenario: "in-call-waiting", schemes: ONE, type: "200%" }),
  shot("in-call-held-waiting", "in-call", { schemes: ONE }),
  shot("in-call-beside", "in-call", { schemes: ONE, sheet: true }),
  shot("in-call-beside-long", "in-call", { schemes: ONE }),
  shot("in-call-beside-light-brand", "in-call", { schemes: ONE }),
  shot("in-call-beside-arabic", "in-call", { scenario: "in-call-beside", schemes: ONE, lang: "ar" }),
  shot("in-call-beside-large", "in-call", { scenario: "in-call-beside", schemes: ONE, type: "200%" }),
  shot("in-call-beside-ended", "in-call", { schemes: ONE }),
  shot("in-call-waiting-wide", "in-call", { scenario: "in-call-waiting", schemes: ONE, viewport: WIDE }),
  shot("in-call-transfer", "in-call", { scenario: "in-call", sheet: true, act: openTransfer }),
  shot("in-call-transfer-arabic", "in-call", { scenario: "in-call", schemes: ONE, lang: "ar", act: openTransfer }),
  shot("in-call-transfer-refused", "in-call", {
    scenario: "in-call",
    act: async (page) => {
      await openTransfer(page);
      await fill(page, "transfer-to", "nobody_there");
      await page.keyboard.press("Enter");
      await page.locator('[data-error="transfer-to"]').waitFor();
    },
  }),
  shot("in-call-new-call", "in-call", { scenario: "in-call", act: openNewCall }),
  shot("in-call-new-call-arabic", "in-call", { scenario: "in-call-held", schemes: ONE, lang: "ar", act: openNewCall }),
  shot("incoming-two", "incoming", { schemes: ONE }),
  shot("incoming-transferred", "incoming", { schemes: ONE }),
  shot("ringing-transferred", "outgoing", { schemes: ONE }),
  shot("calling-beside", "outgoing", { schemes: ONE }),
  shot("calling-waiting", "outgoing", { schemes: ONE }),
  shot("ended", "ended", { schemes: ONE, sheet: true }),
  shot("ended-handed-over", "ended", { schemes: ONE }),
  shot("ended-transferred", "ended", { schemes: ONE }),
  shot("ended-elsewhere", "ended", { schemes: ONE }),
  shot("ended-elsewhere-arabic", "ended", { schemes: ONE, lang: "ar" }),
  shot("ended-no-answer", "ended", { schemes: ONE }),
  shot("ended-network", "ended", { schemes: ONE }),
  shot("ended-not-placed", "ended", { schemes: ONE }),
  shot("busy", "busy", { schemes: ONE, sheet: true }),
  shot("popup", "incoming", { scenario: "incoming", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-picture", "incoming", { scenario: "incoming-picture", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-long", "incoming", { scenario: "incoming-long", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-light-brand", "incoming", { scenario: "incoming-light-brand", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-arabic", "incoming", { scenario: "incoming-arabic", lang: "ar", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-waiting", "incoming", { scenario: "in-call-waiting", schemes: ONE, window: "incoming", viewport: CARD, sheet: true }),
  shot("popup-waiting-long", "incoming", { scenario: "in-call-waiting-long", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-waiting-light-brand", "incoming", { scenario: "in-call-waiting-light-brand", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-waiting-arabic", "incoming", { scenario: "in-call-waiting-arabic", lang: "ar", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-transferred", "incoming", { scenario: "incoming-transferred", schemes: ONE, window: "incoming", viewport: CARD }),
  ...kinds.map((kind) => shot(`keyboard-${kind.name}`, kind.screen, { ...kind, ...checked, name: `keyboard-${kind.name}`, keyboard: true })),
  ...kinds.map((kind) => shot(`large-${kind.name}`, kind.screen, { ...kind, ...checked, name: `large-${kind.name}`, type: "200%" })),
  ...kinds
    .filter(({ window }) => window !== "incoming")
    .map((kind) => shot(`twice-${kind.name}`, kind.screen, { ...kind, ...checked, name: `twice-${kind.name}`, viewport: TWICE })),
];
