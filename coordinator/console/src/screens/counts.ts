// Alarms of each day.  Pure: test/screens.test.ts.
export interface DayCount {
  day: string;
  site: string;
  alarms: number;
}

const DAY_MS = 86_400_000;

/** For each site its alarms of the last n days (UTC), the latest last.  `part`: the earliest day that is told may not be whole. */
export function byDay(counts: DayCount[], n: number, now: number, part: boolean): Map<string, number[]> {
  const days = Array.from({ length: n }, (_, i) => new Date(now - (n - 1 - i) * DAY_MS).toISOString().slice(0, 10));
  const earliest = part ? counts.reduce((a, c) => (c.day < a ? c.day : a), "9999") : "";
  const out = new Map<string, number[]>();
  for (const c of counts) {
    const at = days.indexOf(c.day);
    if (at < 0 || c.day <= earliest) continue;
    if (!out.has(c.site)) out.set(c.site, new Array<number>(n).fill(0));
    out.get(c.site)![at]! += c.alarms;
  }
  return out;
}
