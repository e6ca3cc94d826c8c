// What lies in the folder and what the build makes of it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";

const root = process.env.CONSOLE!;
const dist = join(root, "dist");
const FIRST_LOAD = 60_000;

test("the lock file names packages and hashes, and no host", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  assert.ok(!lock.includes("://"), "take out what npm wrote as funding and resolved");
  const packages = JSON.parse(lock) as { packages: Record<string, { integrity?: string }> };
  for (const [path, p] of Object.entries(packages.packages)) assert.ok(path === "" || p.integrity, path);
});

interface Chunk {
  file: string;
  css?: string[];
  imports?: string[];
}

test("the first screen is below 60 kB, compressed", { skip: !existsSync(dist) && "not built" }, () => {
  const manifest = JSON.parse(readFileSync(join(dist, ".vite/manifest.json"), "utf8")) as Record<string, Chunk>;
  const files = new Set(["index.html"]);
  const walk = (key: string): void => {
    const chunk = manifest[key];
    assert.ok(chunk, key);
    if (files.has(chunk.file)) return;
    files.add(chunk.file);
    chunk.css?.forEach((f) => files.add(f));
    chunk.imports?.forEach(walk);
  };
  for (const key of ["index.html", "src/screens/fleet.tsx", "messages/zh/base.json", "messages/zh/console.json"]) walk(key);
  const sizes = [...files].map((f) => gzipSync(readFileSync(join(dist, f))).length);
  const total = sizes.reduce((a, b) => a + b, 0);
  assert.ok(total < FIRST_LOAD, `${total} bytes in ${files.size} files`);
  assert.ok(total > 10_000, "this cannot be all of it");
});

test("pages hold no script and no style of their own", { skip: !existsSync(dist) && "not built" }, () => {
  for (const page of ["index.html", "site.html"]) {
    const html = readFileSync(join(dist, page), "utf8");
    assert.ok(!/<style|style=|<script(?![^>]*src=)|\son\w+=/.test(html), page);
    assert.ok(!/(src|href)="(https?:)?\/\//.test(html), page);
  }
});

test("no two screens style one class: a sheet stays once it is loaded", () => {
  const folder = join(root, "src/screens");
  const of = new Map<string, string>();
  for (const sheet of readdirSync(folder).filter((f) => f.endsWith(".css")))
    for (const [, name] of readFileSync(join(folder, sheet), "utf8").matchAll(/^\.([a-z0-9-]+) \{/gm)) {
      assert.equal(of.get(name!) ?? sheet, sheet, "." + name);
      of.set(name!, sheet);
    }
  assert.ok(of.has("timeline"));
});

test("each package that the pages hold is named with its licence", () => {
  const notice = readFileSync(join(root, "NOTICE.md"), "utf8");
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { dependencies: Record<string, string> };
  for (const name of Object.keys(dependencies)) assert.match(notice, new RegExp(name, "i"), name);
});
