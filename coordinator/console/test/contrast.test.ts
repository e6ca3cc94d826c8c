// WCAG 2.2: text 4.5:1 against what it stands on, marks and edges of fields 3:1, in both themes.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const css = readFileSync(join(process.env.CONSOLE!, "src/ui/tokens.css"), "utf8");

function theme(selector: string): Map<string, string> {
  const begin = css.indexOf(selector + " {");
  assert.ok(begin >= 0, selector);
  const block = css.slice(begin, css.indexOf("}", begin));
  return new Map([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map((m) => [m[1]!, m[2]!]));
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((i) => {
    const v = parseInt(hex.slice(i, i + 2), 16) / 255;
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}

/** So many per cent of a colour on another. */
const mixed = (a: string, b: string, share: number): string =>
  "#" + [1, 3, 5].map((i) => Math.round((parseInt(a.slice(i, i + 2), 16) * share + parseInt(b.slice(i, i + 2), 16) * (100 - share)) / 100).toString(16).padStart(2, "0")).join("");

const grounds = ["bg", "panel", "raised", "sunken", "hover"];
const pairs: [string, string[], number][] = [
  ["text", [...grounds, "bad-soft", "warn-soft", "ok-soft", "info-soft"], 4.5],
  ["dim", grounds, 4.5],
  ["accent", [...grounds, "accent-soft"], 4.5],
  ["on-accent", ["accent", "accent-strong"], 4.5],
  ["on-bad", ["bad"], 4.5],
  ...["ok", "warn", "bad", "info", "idle"].map((s): [string, string[], number] => [s, [s + "-soft", "panel", "bg"], 4.5]),
  ["edge", ["panel", "raised", "bg"], 3],
  ...[1, 2, 3, 4, 5, 6].map((i): [string, string[], number] => ["series-" + i, ["panel"], 3]),
];

for (const selector of [":root", '[data-theme="dark"]'])
  test(`colours can be told from what they stand on: ${selector}`, () => {
    const colors = theme(selector);
    for (const [front, backs, least] of pairs)
      for (const back of backs) {
        const c = contrast(colors.get(front)!, colors.get(back)!);
        assert.ok(c >= least, `${front} on ${back}: ${c.toFixed(2)} instead of ${least}`);
      }
    const heat = contrast(colors.get("text")!, mixed(colors.get("heat-most")!, colors.get("panel")!, 65));
    assert.ok(heat >= 4.5, `text on the hottest: ${heat.toFixed(2)}`);
  });
