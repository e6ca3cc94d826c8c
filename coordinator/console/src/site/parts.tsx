// What several screens of the site's page show alike.
import { useRef } from "preact/hooks";
import { absolute, duration, figure } from "../base/format.ts";
import { language, locale, t, word, type Key } from "../base/i18n.ts";
import { toast } from "../ui/toast.tsx";
import { State, told, type Tone } from "../ui/bits.tsx";
import { alarmPath, deed } from "./agent.ts";
import type { Alarm, AlarmRecord } from "./shapes.ts";

const tones: Record<string, Tone> = {
  unacknowledged: "bad",
  acknowledged: "warn",
  returned: "info",
  shelved: "idle",
  suppressed: "idle",
  "out of service": "idle",
  normal: "ok",
};

/** The order in which people have to do with them. */
export const states = ["unacknowledged", "acknowledged", "returned", "shelved", "suppressed", "out of service", "normal"];

export const AlarmState = ({ state }: { state: string }) => <State tone={tones[state] ?? "info"}>{word("site.standing", state)}</State>;

const severities: Record<string, Tone> = { critical: "bad", high: "warn", medium: "info", low: "idle" };
export const Severity = ({ severity }: { severity: string }) => <State tone={severities[severity] ?? "idle"}>{word("site.severity", severity)}</State>;

const verdicts: Record<string, Tone> = { true: "bad", false: "ok", unsure: "wait" };
export const Verdict = ({ verdict, defect }: { verdict?: string | undefined; defect?: string | undefined }) =>
  verdict ? (
    <State tone={verdicts[verdict] ?? "info"}>
      {word("site.verdict_is", verdict)}
      {defect ? `: ${defect}` : ""}
    </State>
  ) : (
    <span class="dim">{t("site.not_judged")}</span>
  );

/** The record's own sentence is in English: others are made of its figures.  A rule's is the site's own, in its words. */
function explained(a: AlarmRecord): string | undefined {
  const first = a.top?.[0];
  if (language.value === "en" || a.source.startsWith("rule:")) return undefined;
  if (a.boxes?.length) return t("site.explained_image", { n: a.boxes.length, peak: figure(Math.max(...a.boxes.map((b) => b.peak))) });
  if (first?.value === undefined || first.expected === undefined || first.sigma === undefined) return undefined;
  return t(first.sigma < 0 ? "site.explained_below" : "site.explained_above", {
    sensor: first.sensor,
    value: figure(first.value),
    expected: figure(first.expected),
    sigma: figure(Math.abs(first.sigma)),
    n: Math.round(first.share * 100),
  });
}

/** What it is about, in a few words. */
export function what(a: AlarmRecord): string {
  const said = explained(a);
  if (said) return said;
  if (a.reason) return a.reason;
  if (a.source.startsWith("rule:")) return t("site.by_rule", { rule: a.source.slice(5) });
  const first = a.top?.[0];
  if (first) return t("site.mostly", { sensor: first.sensor, n: Math.round(first.share * 100) });
  if (a.boxes?.length) return t("site.places", { n: a.boxes.length });
  return a.part ? t("site.of_part", { part: a.part }) : word("site.source", a.source);
}

export const href = (a: { line: string; alarm: number }): string => alarmPath(a.line, a.alarm);

/** Times of a line are those of its source; how long ago is counted from its last row. */
export const lasts = (from: number, to: number | undefined): string => duration(Math.max(0, (to ?? from) - from));

export const clockTime = (ms: number): string => absolute(ms);

/** Without the year, for tables. */
export const shortTime = (ms: number): string =>
  new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);

export const score = (v: number | null | undefined): string => (v === null || v === undefined ? "–" : figure(v));

export const canAck = (a: { state: string }): boolean => a.state === "unacknowledged" || a.state === "returned";

/** Does it and says so; what was refused is said, too. */
export async function doIt(path: string, body: Record<string, string>, done: Key, values?: Record<string, string | number>): Promise<boolean> {
  try {
    const did = await deed(path, body);
    if (did) toast(t(done, values), "ok");
    return did;
  } catch (e) {
    toast(told(e), "bad");
    return false;
  }
}

/** For dialogs, which stay open where nothing was done. */
export async function leave(path: string, body: Record<string, string>): Promise<void> {
  if (!(await deed(path, body))) throw new Error(t("site.name_needed"));
}

export const acknowledge = (a: Alarm): Promise<boolean> => doIt(alarmPath(a.line, a.alarm) + "/ack", {}, "site.acked", { n: a.alarm, line: a.line });

/** What was read last, while it is read again. */
export function useKept<T>(data: T | undefined): T | undefined {
  const kept = useRef<T | undefined>(undefined);
  if (data !== undefined) kept.current = data;
  return kept.current;
}
