// Values of options as people write them.  Pure: test/policy.test.ts.
import type { PolicyRow } from "../base/shapes.ts";

const TIMES: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const SIZES: Record<string, number> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

/** "10m" -> 600000, "20G" -> 21474836480, "0.5" -> 0.5; undefined: no number. */
export function parse(text: string, unit?: "ms" | "bytes"): number | undefined {
  const m = /^(-?\d+(?:\.\d+)?(?:e-?\d+)?)\s*([a-zA-Z]*)$/.exec(text.trim());
  if (!m) return undefined;
  const scale = unit === "ms" ? TIMES[m[2]!.toLowerCase() || "ms"] : unit === "bytes" ? SIZES[m[2]!.toLowerCase()] : m[2] === "" ? 1 : undefined;
  return scale === undefined ? undefined : Number(m[1]) * scale;
}

/** The longest unit without a rest: 600000 -> "10m". */
export function write(row: Pick<PolicyRow, "value" | "unit">): string {
  const { value, unit } = row;
  if (typeof value !== "number" || !unit) return String(value);
  const table = unit === "ms" ? TIMES : { "": 1, k: SIZES.k!, M: SIZES.m!, G: SIZES.g!, T: SIZES.t! };
  if (value === 0) return unit === "ms" ? "0s" : "0";
  const fits = Object.entries(table).filter(([, n]) => value % n === 0);
  const [name, n] = fits.sort((a, b) => b[1] - a[1])[0] ?? ["ms", 1];
  return value / n + name;
}

export function isDefault(row: PolicyRow): boolean {
  if (typeof row.value !== "number") return String(row.value) === row.default;
  const d = parse(row.default, row.unit);
  return d === undefined ? String(row.value) === row.default : Math.abs(d - row.value) <= Math.abs(d) * 1e-12;
}

/** "drift.quorum" belongs to "drift", "seed" to "". */
export const groupOf = (key: string): string => (key.includes(".") ? key.slice(0, key.indexOf(".")) : "");
