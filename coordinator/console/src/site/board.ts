// One look at the board each second.  What was seen stays when the agent does not answer, with how old it is.
import { effect, signal } from "@preact/signals";
import { Problem } from "../base/api.ts";
import { serverTime } from "../base/clock.ts";
import { api, session } from "./agent.ts";
import type { Alarm, Board, Line, RawPoint } from "./shapes.ts";

const EVERY_MS = 1000;
const WAIT_MS = 5000;
const KEPT = 600;
/** Seconds that may still change when they were read. */
const AGAIN_MS = 2000;

export const board = signal<Board | undefined>(undefined);
export const points = signal<Map<string, RawPoint[]>>(new Map());
/** When it was read last, by this computer's clock; 0: never. */
export const readAt = signal(0);
/** Since when nothing answers; 0: it does. */
export const lostSince = signal(0);
/** The last alarm that came, for whoever does not look. */
export const news = signal<Alarm | undefined>(undefined);
/** Grows with each record of the log: what shows alarms reads them again. */
export const seq = signal(0);

/** What was kept, then what came; a second that came again takes the place of the former one.  Exported for tests. */
export function merge(kept: RawPoint[], fresh: RawPoint[]): RawPoint[] {
  if (fresh.length === 0) return kept;
  const from = fresh[0]![0];
  return [...kept.filter((p) => p[0] < from), ...fresh].slice(-KEPT);
}

const isNew = (line: Line, before: Line | undefined): boolean => {
  const now = line.last_alarm;
  if (!now || !before || !now.active || (now.state !== "unacknowledged" && now.state !== "acknowledged")) return false;
  return !before.last_alarm || before.last_alarm.alarm < now.alarm;
};

function take(b: Board): void {
  const before = new Map(board.value?.lines.map((l) => [l.line, l]));
  const again = board.value !== undefined && b.time_ms < board.value.time_ms; // a clock was set: begin anew
  const kept = again ? new Map<string, RawPoint[]>() : points.value;
  points.value = new Map(b.lines.map((l) => [l.line, merge(kept.get(l.line) ?? [], l.points)]));
  for (const l of b.lines) if (isNew(l, before.get(l.line))) news.value = l.last_alarm!;
  board.value = b;
  seq.value = b.seq;
  serverTime(b.time_ms);
}

function since(): number {
  let last = 0;
  for (const list of points.value.values()) last = Math.max(last, list.at(-1)?.[0] ?? 0);
  return Math.max(0, last - AGAIN_MS);
}

async function look(): Promise<void> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), WAIT_MS);
  try {
    take(await api.get<Board>("/board", { since: since() }, abort.signal));
    readAt.value = Date.now();
    lostSince.value = 0;
  } catch (e) {
    const refused = e instanceof Problem && e.status === 401;
    if (!refused && lostSince.value === 0) lostSince.value = readAt.value || Date.now();
  }
  clearTimeout(timer);
}

/** Asks as long as one is logged in. */
export function startBoard(): void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let running = false;
  const turn = async (): Promise<void> => {
    const begun = Date.now();
    await look();
    timer = running ? setTimeout(() => void turn(), Math.max(100, EVERY_MS - (Date.now() - begun))) : undefined;
  };
  effect(() => {
    const wanted = !!session.value;
    if (wanted === running) return;
    running = wanted;
    clearTimeout(timer);
    if (running) void turn();
  });
}
