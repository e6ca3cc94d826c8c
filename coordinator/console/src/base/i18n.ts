// Texts from message files, one folder for each language and one file for each area: `base` for both pages,
// the others by whoever needs them.  test/messages.test.ts holds all languages to the same keys.
//
//   "sites.n": "{n} {n|site|sites}"      t("sites.n", { n: 3 }) -> "3 sites"
import { signal } from "@preact/signals";
import type base from "../../messages/en/base.json";
import type console_ from "../../messages/en/console.json";
import type site from "../../messages/en/site.json";
import type work from "../../messages/en/work.json";

export type Key = keyof typeof base | keyof typeof console_ | keyof typeof work | keyof typeof site;
export type Area = "base" | "console" | "work" | "site";
export type Language = "en" | "de" | "zh";
export type Values = Record<string, string | number>;

export const languages: { id: Language; name: string; locale: string }[] = [
  { id: "en", name: "English", locale: "en-GB" },
  { id: "de", name: "Deutsch", locale: "de-DE" },
  { id: "zh", name: "中文", locale: "zh-CN" },
];

const files = import.meta.glob<Record<string, string>>("../../messages/*/*.json", { import: "default" });
const STORED = "andon.language";

export const language = signal<Language>("en");
const messages = signal<Record<string, string>>({});
const areas = new Set<Area>();

export const locale = (): string => languages.find((l) => l.id === language.value)!.locale;

/** Fills {name} and {name|one|other}.  Exported for tests. */
export function fill(text: string, values: Values = {}, format: (n: number) => string = String): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one?: string, other?: string) => {
    const v = values[name];
    if (v === undefined) return whole;
    if (one !== undefined) return Number(v) === 1 ? one : (other ?? "");
    return typeof v === "number" ? format(v) : v;
  });
}

const numbers = new Map<string, Intl.NumberFormat>();
export function formatNumber(n: number, options: Intl.NumberFormatOptions = {}): string {
  const key = locale() + JSON.stringify(options);
  let f = numbers.get(key);
  if (!f) numbers.set(key, (f = new Intl.NumberFormat(locale(), options)));
  return f.format(n);
}

export function t(key: Key, values?: Values): string {
  return fill(messages.value[key] ?? key, values, formatNumber);
}

/** For words of the API, such as states: the word itself if no language has another one for it. */
export function word(prefix: string, value: string): string {
  return messages.value[`${prefix}.${value.toLowerCase().replace(/[ -]/g, "_")}`] ?? value.toLowerCase();
}

export function hasMessage(key: string): key is Key {
  return key in messages.value;
}

async function load(id: Language, wanted: Iterable<Area>): Promise<Record<string, string>> {
  const parts = await Promise.all([...wanted].map((a) => files[`../../messages/${id}/${a}.json`]!()));
  return Object.assign({}, ...parts) as Record<string, string>;
}

/** Before anything of an area is shown. */
export async function needArea(...wanted: Area[]): Promise<void> {
  const fresh = wanted.filter((a) => !areas.has(a));
  if (fresh.length === 0) return;
  const more = await load(language.value, fresh);
  for (const a of fresh) areas.add(a);
  messages.value = { ...messages.value, ...more };
}

function stored(): string | null {
  try {
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

function preferred(): Language {
  for (const wish of [stored(), ...navigator.languages]) {
    const found = languages.find((l) => wish?.toLowerCase().startsWith(l.id));
    if (found) return found.id;
  }
  return "en";
}

export async function startLanguage(...wanted: Area[]): Promise<void> {
  language.value = preferred();
  document.documentElement.lang = language.value;
  await needArea(...wanted);
}

export async function setLanguage(id: Language): Promise<void> {
  const all = await load(id, areas);
  language.value = id;
  messages.value = all;
  document.documentElement.lang = id;
  try {
    localStorage.setItem(STORED, id);
  } catch {
    // A browser that keeps nothing still shows the language until it is closed.
  }
}
