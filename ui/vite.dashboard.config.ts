// The service's dashboard: its pages go into the service's program (`crates/signedcall-server/build.rs`), and not into the app.

import { renameSync } from "node:fs";

import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

const outDir = "dist-dashboard";

export default defineConfig({
  plugins: [
    svelte(),
    { name: "first-page", closeBundle: () => renameSync(`${outDir}/dashboard.html`, `${outDir}/index.html`) },
  ],
  build: {
    outDir,
    target: ["chrome123", "firefox121", "safari17.5"],
    // The policy of its pages allows nothing that is not a file of the service's.
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    modulePreload: false,
    rollupOptions: { input: "dashboard.html" },
  },
});
