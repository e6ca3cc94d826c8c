// Bundles each test/*.test.ts and runs all in Node's own test runner: node test/run.mjs [NAME...]
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const asked = process.argv.slice(2);
const names = readdirSync(here).filter((f) => f.endsWith(".test.ts") && (asked.length === 0 || asked.some((a) => f.startsWith(a))));
const out = mkdtempSync(join(tmpdir(), "andon-console-"));
try {
  buildSync({
    entryPoints: names.map((f) => join(here, f)),
    outdir: out,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node18",
    sourcemap: "inline",
    jsx: "automatic",
    jsxImportSource: "preact",
    loader: { ".css": "empty" },
    // Vite's own word for "these files": the tests read the message files themselves.
    define: { "import.meta.glob": "Object" },
  });
  const files = readdirSync(out).map((f) => join(out, f));
  const env = { ...process.env, CONSOLE: dirname(here) };
  process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit", env }).status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
