// What pictures are taken of. Scenarios are those of `src/bridge/scenarios.ts`.

const PHONE = { width: 420, height: 720 };
const WIDE = { width: 960, height: 640 };
const CARD = { width: 360, height: 232 };
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
const openHelp = async (page) => {
  await press("show-help")(page);
  await page.locator('[data-screen="help"]').waitFor();
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
  { name: "ended", scenario: "ended-network", screen: "ended" },
  { name: "popup", scenario: "incoming-long", screen: "incoming", window: "incoming", viewport: CARD },
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
  shot("home-arabic", "home", { scenario: "home", lang: "ar" }),
  shot("home-wide", "home", { scenario: "home", viewport: WIDE }),
  shot("home-wide-detail", "home", { scenario: "home", viewport: WIDE, act: press("open-recent") }),
  shot("settings", "home", { scenario: "home", sheet: true, act: openSettings }),
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
  shot("settings-sign-out", "home", {
    scenario: "home",
    act: async (page) => {
      await openSettings(page);
      await press("sign-out")(page);
      await page.locator('[data-action="confirm-sign-out"]').waitFor();
    },
  }),
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
  shot("in-call-poor", "in-call", { schemes: ONE, sheet: true }),
  shot("in-call-arabic", "in-call", { scenario: "in-call-poor", lang: "ar", schemes: ONE }),
  shot("in-call-sound-menu", "in-call", {
    scenario: "in-call",
    sheet: true,
    act: async (page) => {
      await press("sound")(page);
      await page.locator('[data-option="device:built-in"]').waitFor();
    },
  }),
  shot("in-call-interrupted", "in-call", { schemes: ONE }),
  shot("in-call-light-brand", "in-call", { schemes: ONE }),
  shot("in-call-wide", "in-call", { scenario: "in-call", schemes: ONE, viewport: WIDE }),
  shot("ended", "ended", { schemes: ONE, sheet: true }),
  shot("ended-no-answer", "ended", { schemes: ONE }),
  shot("ended-network", "ended", { schemes: ONE }),
  shot("ended-not-placed", "ended", { schemes: ONE }),
  shot("busy", "busy", { schemes: ONE, sheet: true }),
  shot("popup", "incoming", { scenario: "incoming", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-picture", "incoming", { scenario: "incoming-picture", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-long", "incoming", { scenario: "incoming-long", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-light-brand", "incoming", { scenario: "incoming-light-brand", schemes: ONE, window: "incoming", viewport: CARD }),
  shot("popup-arabic", "incoming", { scenario: "incoming-arabic", lang: "ar", schemes: ONE, window: "incoming", viewport: CARD }),
  ...kinds.map((kind) => shot(`keyboard-${kind.name}`, kind.screen, { ...kind, ...checked, name: `keyboard-${kind.name}`, keyboard: true })),
  ...kinds.map((kind) => shot(`large-${kind.name}`, kind.screen, { ...kind, ...checked, name: `large-${kind.name}`, type: "200%" })),
  ...kinds
    .filter(({ window }) => window !== "incoming")
    .map((kind) => shot(`twice-${kind.name}`, kind.screen, { ...kind, ...checked, name: `twice-${kind.name}`, viewport: TWICE })),
];
