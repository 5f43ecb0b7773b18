import { svelte } from "@sveltejs/vite-plugin-svelte";
import { svelteTesting } from "@testing-library/svelte/vite";
import { defineConfig } from "vitest/config";

export default defineConfig({
  plugins: [svelte(), svelteTesting()],
  build: {
    // The oldest web view the app runs in, WebKitGTK of Debian 12, is newer.
    target: "safari18",
    // The app's content security policy allows fonts from its own origin only, so nothing may become a data: URL.
    assetsInlineLimit: 0,
    // One page, loaded from disk: splitting would only add round trips.
    cssCodeSplit: false,
    modulePreload: false,
  },
  server: { port: 1420, strictPort: true },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts"],
    setupFiles: ["src/testing/setup.ts"],
  },
});
