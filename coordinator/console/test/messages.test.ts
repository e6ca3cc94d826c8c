import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fill } from "../src/base/i18n.ts";

const root = process.env.CONSOLE!;
const languages = readdirSync(join(root, "messages"));
const areas = readdirSync(join(root, "messages/en"));
const read = (l: string, a: string): Record<string, string> => JSON.parse(readFileSync(join(root, "messages", l, a), "utf8")) as Record<string, string>;

function sources(dir: string): string[] {
  return readdirSync(dir).flatMap((f) => {
    const path = join(dir, f);
    return statSync(path).isDirectory() ? sources(path) : /\.tsx?$/.test(f) ? [readFileSync(path, "utf8")] : [];
  });
}

const places = (text: string): string[] => [...text.matchAll(/\{(\w+)/g)].map((m) => m[1]!);

test("each language has each message, with the same values in it", () => {
  assert.deepEqual(languages.sort(), ["de", "en", "zh"]);
  for (const l of languages) {
    assert.deepEqual(readdirSync(join(root, "messages", l)).sort(), [...areas].sort(), l);
    for (const a of areas) {
      const en = read("en", a);
      const other = read(l, a);
      assert.deepEqual(Object.keys(other).sort(), Object.keys(en).sort(), `${l}/${a}`);
      for (const [key, text] of Object.entries(other)) {
        assert.ok(text.trim() !== "" || en[key] === "", `${l}: ${key} is empty`);
        // A language without a plural may leave the number's words out, none may ask for what is not there.
        for (const name of places(text)) assert.ok(places(en[key]!).includes(name), `${l}: ${key} asks for {${name}}`);
        for (const name of places(en[key]!)) assert.ok(places(text).includes(name), `${l}: ${key} lacks {${name}}`);
      }
    }
  }
});

test("a message lies in the file of its area, and something shows it", () => {
  const text = sources(join(root, "src")).join("\n");
  // Made of a beginning and a word: `base.theme_${...}`, word("console.kind", ...).
  const begins = [...text.matchAll(/`([a-z]+\.[a-z_.]*)\$\{/g)].map((m) => m[1]!);
  const words = [...text.matchAll(/word\(\s*"([a-z]+\.[a-z_.]+)"/g)].map((m) => m[1] + ".");
  for (const a of areas)
    for (const key of Object.keys(read("en", a))) {
      assert.ok(key.startsWith(a.replace(".json", ".")), `${key} in ${a}`);
      const used = text.includes(`"${key}"`) || [...begins, ...words].some((b) => key.startsWith(b));
      assert.ok(used, `${key} is shown nowhere`);
    }
});

test("values and plurals are filled in", () => {
  assert.equal(fill("{n} {n|site|sites} of {who}", { n: 1, who: "us" }), "1 site of us");
  assert.equal(fill("{n} {n|site|sites}", { n: 3 }), "3 sites");
  assert.equal(fill("{n} {n|site|sites}", { n: 0 }), "0 sites");
  assert.equal(fill("{gone}", {}), "{gone}");
});
