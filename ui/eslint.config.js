import js from "@eslint/js";
import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";

import svelteConfig from "./svelte.config.js";

const tauri = {
  group: ["@tauri-apps/*", "**/bridge/bindings", "**/bridge/tauri"],
  message: "Only src/bridge/ knows Tauri and the generated bindings.",
};
const fake = { group: ["**/bridge/fake*", "**/bridge/scenarios"], message: "Only src/bridge/ and tests know the fake app." };

/** Imports go components -> features -> views, never back: what a folder may not reach. */
const restricted = (...patterns) => ({ "no-restricted-imports": ["error", { patterns }] });
const to = (folders, message) => ({ group: folders.map((folder) => `**/${folder}/**`), message });

export default ts.config(
  { ignores: ["dist", "dist-dashboard", "dist-fake", "shots", "src/bridge/bindings.ts"] },
  js.configs.recommended,
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      eqeqeq: "error",
      "no-console": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  { files: ["src/**"], ignores: ["src/bridge/**", "src/**/*.test.ts", "src/testing/**", "src/dashboard/preview/**"], rules: restricted(tauri, fake) },
  // There is no app in the dashboard: what a company sees its brand on are the calls that tests render.
  { files: ["src/dashboard/preview/**"], rules: restricted(tauri) },
  {
    files: ["src/components/**"],
    rules: restricted(
      tauri,
      fake,
      to(["features", "views", "bridge", "catalogue"], "Components know no domain: give them what they show as properties."),
    ),
  },
  { files: ["src/features/**"], ignores: ["src/**/*.test.ts"], rules: restricted(tauri, fake, to(["views"], "Views compose features, not the reverse.")) },
  { files: ["scripts/**"], rules: { "no-console": "off" } },
);
