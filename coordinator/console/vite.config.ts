import { defineConfig } from "vite";

// For `npm run dev`: a running coordinator, or an agent's local API.
const coordinator = process.env.ANDON_COORDINATOR ?? "http://127.0.0.1:7700";
const agent = process.env.ANDON_AGENT ?? "http://127.0.0.1:7790";

export default defineConfig({
  esbuild: { jsx: "automatic", jsxImportSource: "preact", legalComments: "none" },
  server: { proxy: { "/api": coordinator, "/v1": agent } },
  build: {
    target: "es2022",
    manifest: true,
    // The policy of the pages forbids inline scripts and data: URLs.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { console: "index.html", site: "site.html" } },
  },
});
