// What the agent's API says; docs/OPERATIONS.md lists it.

export interface Top {
  sensor: string;
  share: number;
  value?: number;
  expected?: number;
  sigma?: number;
  since_ms?: number;
  within?: number[];
}

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
  peak: number;
}

/** A record of the log of alarms. */
export interface AlarmRecord {
  seq: number;
  kind: string;
  line: string;
  alarm: number;
  state: string;
  severity: string;
  source: string;
  since_ms: number;
  time_ms: number;
  recorded_ms: number;
  score: number | null;
  peak: number | null;
  near_ms?: number;
  near_distance?: number;
  top?: Top[];
  rules?: string[];
  reason?: string;
  part?: string;
  image?: string;
  image_width?: number;
  image_height?: number;
  boxes?: Box[];
  data: string;
  version?: string;
  by?: string;
  comment?: string;
  until_ms?: number;
  acknowledged_by?: string;
  verdict?: string;
  class?: string;
  fault?: string;
  begins?: boolean;
}

export interface Alarm extends AlarmRecord {
  active: boolean;
  cleared_ms?: number;
}

/** at, highest score, last score, rows, is an alarm open? */
export type RawPoint = [number, number | null, number | null, number, number];

export interface Line {
  line: string;
  model: string;
  state: "alarm" | "no data" | "waiting" | "normal";
  /** "lost": the page's own word, when nothing answers */
  no_data: "" | "silent" | "failing" | "ended" | "stopped" | "lost";
  last_error: string;
  state_ms: number | null;
  since_ms: number;
  severity: string;
  active: number;
  unacknowledged: number;
  aside: number;
  threshold: number | null;
  score: number | null;
  row_at_ms?: number;
  row_ms?: number;
  last_alarm: Alarm | null;
  points: RawPoint[];
}

export interface Board {
  site: string;
  time_ms: number;
  connected: boolean;
  stopped: boolean;
  seq: number;
  lines: Line[];
}

/** What may be moved: for people, nothing is written by itself. */
export interface Advice {
  line: string;
  alarm?: number;
  time_ms: number;
  outcome: "moves" | "as wished" | "none" | "refused";
  said: string;
  model?: string;
  reach?: "less" | "more" | "below" | "above";
  limit?: number;
  now?: number;
  then?: number;
  moves?: { sensor: string; unit: string; from: number; to: number }[];
  caps?: { model: string; now: number; then: number; most: number }[];
  distance_then?: number;
  usual?: number;
}

export interface Signal {
  time_ms: number[];
  scores: (number | null)[];
  sensors: { sensor: string; unit: string; values: (number | null)[]; near?: (number | null)[] }[];
}

export interface Detail {
  alarm: Alarm;
  reason: AlarmRecord;
  events: AlarmRecord[];
  similar: Alarm[];
  pictures: ("image" | "map")[];
  signal?: Signal | null;
  advice?: Advice | null;
}

export interface LineStatus {
  line: string;
  model: string;
  state: string;
  remark?: string;
  version: string | null;
  overlay: string | null;
  version_before?: string;
  version_next?: string;
  follow?: string;
  row: number;
  rows: number;
  scored: number;
  source: Record<string, number | string>;
  last_row_ms: number;
  alarms: number;
  rule_alarms: number;
  suppressed: number;
  quality_events: number;
  drift_alerts: number;
  drift_watched: boolean;
  drift?: { test: string; subject: string; effect: number; limit: number; time_ms: number } | null;
  threshold?: number;
  threshold_calibrated?: number;
  threshold_factor?: number;
  watch?: string;
  watched?: string;
  advice?: Advice;
  answers?: { sensor: string; measured: number | null; should: number | null }[];
  pool: Record<string, number>;
  last_error: string;
}

export interface Status {
  site: string;
  fingerprint: string;
  time_ms: number;
  state: string;
  coordinator: Record<string, number | boolean>;
  lines: LineStatus[];
  training: { waits_for: string; lates: number; waited_late_ms: number; waited_busy_ms: number; waited_share_ms: number; waited_cpu_ms: number };
  resources: Record<string, number>;
  sinks: { name: string; type: string; state: string; behind: number; last_error?: string }[];
  last_error: string;
}

export interface Figures {
  from_ms: number;
  to_ms: number;
  alarms: number;
  per_10_min: number;
  peak_10_min: number;
  periods: number;
  flooded_periods: number;
  tags: number;
  chattering_tags: number;
  standing: number;
  top_10_share: number;
  by_severity: Record<string, number>;
}

export interface Share {
  value: number;
  low: number;
  high: number;
}

export interface Verdicts {
  line: string;
  version: string;
  from_ms: number;
  alarms: number;
  true: number;
  false: number;
  unsure: number;
  missed: number;
  good: number;
  precision: Share | null;
  recall: Share | null;
  f1: Share | null;
}

export interface Entry {
  id: number;
  time_ms: number;
  kind: string;
  words: string;
  protection: string;
  bytes: number;
  round?: number;
}

export interface Ledger {
  entries: Entry[];
  rows: number;
  bytes: number;
  day_rows: number;
  day_bytes: number;
}
