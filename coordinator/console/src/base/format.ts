// Numbers for people.
import { formatNumber, locale } from "./i18n.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"];

export function bytes(n: number): string {
  let unit = 0;
  let v = n;
  for (; Math.abs(v) >= 1000 && unit < UNITS.length - 1; unit++) v /= 1000;
  return formatNumber(v, { maximumFractionDigits: unit === 0 || v >= 100 ? 0 : 1 }) + " " + UNITS[unit];
}

/** Three significant digits, no exponent for what people meet daily. */
export function figure(v: number): string {
  if (!Number.isFinite(v)) return String(v);
  const size = Math.abs(v);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return v.toExponential(2);
  return formatNumber(v, { maximumSignificantDigits: size >= 1000 ? 7 : 3 });
}

export const percent = (share: number, digits = 0): string =>
  formatNumber(share, { style: "percent", maximumFractionDigits: digits });

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["day", 86_400_000],
  ["hour", 3_600_000],
  ["minute", 60_000],
  ["second", 1000],
];

const SECOND_TO_MINUTE = 90_000;

/** "3 minutes ago", "in 2 hours". */
export function relative(ms: number, now: number): string {
  const diff = ms - now;
  const size = Math.abs(diff);
  const f = new Intl.RelativeTimeFormat(locale(), { numeric: "auto", style: "short" });
  if (size < SECOND_TO_MINUTE) return f.format(Math.round(Math.min(diff, 0) / 1000) || (diff > 0 ? Math.round(diff / 1000) : 0), "second");
  for (const [unit, length] of STEPS) if (size >= length * 1.5 || unit === "second") return f.format(Math.round(diff / length), unit);
  return "";
}

/** 90 s -> "1 min 30 s". */
export function duration(ms: number): string {
  const s = Math.round(ms / 1000);
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const parts: [number, string][] = [
    [Math.floor(s / 86_400), "d"],
    [Math.floor(s / 3600) % 24, "h"],
    [Math.floor(s / 60) % 60, "min"],
    [s % 60, "s"],
  ];
  const first = parts.findIndex(([n]) => n > 0);
  return parts
    .slice(first, first + 2)
    .filter(([n]) => n > 0)
    .map(([n, u]) => `${n} ${u}`)
    .join(" ");
}

export function absolute(ms: number): string {
  return new Intl.DateTimeFormat(locale(), { dateStyle: "medium", timeStyle: "medium" }).format(ms);
}

/** Whole hashes in a text as their beginnings. */
export const shortHashes = (text: string): string => text.replace(/\b([0-9a-f]{10})[0-9a-f]{54}\b/g, "$1");
