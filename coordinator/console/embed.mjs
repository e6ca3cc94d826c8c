// The built pages as a C table (proto/doors/asset.h): node embed.mjs DIST ENTRY NAME OUT.c
//
// Holds ENTRY ("index.html" or "site.html") and all files that it names, or that those name, compressed, with names, types
// and tags.  Names hold a hash, so that one is not found in a text by chance.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { constants, gzipSync } from "node:zlib";

const TYPES = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
  ".json": "application/json",
};

const [dist, entry, name, out] = process.argv.slice(2);
const all = readdirSync(join(dist, "assets"));
const files = new Set([entry]);
for (const file of files) {
  const text = readFileSync(join(dist, file), "utf8");
  for (const name of all) if (text.includes(name)) files.add("assets/" + name);
}
if (files.size < 3) throw new Error(`${entry} names no files`);

function bytesOf(buffer) {
  const lines = [];
  for (let i = 0; i < buffer.length; i += 32) lines.push("    " + [...buffer.subarray(i, i + 32)].join(",") + ",");
  return lines.join("\n");
}

const rows = [];
const parts = [];
for (const file of [...files].sort()) {
  const plain = readFileSync(join(dist, file));
  const gz = gzipSync(plain, { level: constants.Z_BEST_COMPRESSION });
  const type = TYPES[extname(file)];
  if (!type) throw new Error(`${file}: no type is known for it`);
  const tag = createHash("sha256").update(gz).digest("hex").slice(0, 16);
  const hashed = file.startsWith("assets/");
  parts.push(`static const unsigned char bytes_${rows.length}[] = {\n${bytesOf(gz)}\n};`);
  rows.push(`    {"/${file}", "${type}", "\\"${tag}\\"", bytes_${rows.length}, sizeof bytes_${rows.length}, ${hashed}},`);
}
writeFileSync(
  out,
  `#include "doors/asset.h"\n\n${parts.join("\n\n")}\n\nstatic const an_asset rows[] = {\n${rows.join("\n")}\n};\n\n` +
    `const an_assets ${name} = {rows, sizeof rows / sizeof *rows, "/${entry}"};\n`,
);
