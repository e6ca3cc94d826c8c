// What the coordinator's API answers of drift, campaigns, rollouts and rounds beyond base/shapes.ts, as far as these screens read it.
import type { Campaign, JournalRecord, Rollout, Round } from "../base/shapes.ts";

export interface Finding {
  site: string;
  line: string;
  test: string;
  subject: string;
  effect: number;
  threshold: number;
  p: number;
  reports: number;
  first_ms: number;
  since_ms: number;
  proven: boolean;
  ripe: boolean;
}

export interface Trigger {
  trigger: string;
  looks_at: string;
  on: boolean;
  due: boolean;
  bound: number;
  evidence: string;
}

/** GET /models/{name}/drift */
export interface Triage {
  model: string;
  cause: string;
  scope: string;
  answer: string;
  evidence: string;
  why: string;
  lines: number;
  sites: number;
  sites_proven: number;
  sites_needed: number;
  findings: Finding[];
  triggers: Trigger[];
  expected: { lines: number; reports_month: number; campaigns_month: number; campaigns_month_uncontrolled: number; p_alone: number; p_of_report: number; lines_together: number };
  observed: { days: number; reports: number; campaigns: number; promoted: number; possible_faults: number; no_gain: number; false_month: number; false_month_max: number };
}

export interface Evidence {
  site: string;
  line: string;
  test: string;
  subject: string;
  value: number;
  bound: number;
  p: number;
  n: number;
  since_ms: number;
}

export interface GateRow {
  what: string;
  candidate: number;
  production: number;
  bound: number;
  limit: number;
  judged: boolean;
  passed: boolean;
}

/** asks: what approval would allow. */
export type Work = Campaign & { asks: "start" | "promotion" | ""; rollout: number };

/** GET /campaigns/{id} */
export interface CampaignAnswer {
  campaign: Work;
  opened?: { sites?: string[]; replay?: string[]; evidence?: Evidence[]; rounds?: number };
  gate?: { passed: boolean; hard?: boolean; reason: string; candidate: string; rows?: GateRow[] };
}

/** The body of a drift.alert. */
export interface DriftAlert {
  model: string;
  line: string;
  version?: string;
  test: string;
  subject: string;
  sign: number;
  effect: number;
  statistic: number;
  threshold: number;
  n_reference: number;
  n_current: number;
  since_ms: number;
}

export interface RoundFigures {
  id: number;
  committed: boolean;
  updates: number;
  bytes?: number;
  loss?: number;
  weight?: number;
  clipped?: number;
  saturated?: number;
  outliers?: { site: string; in: boolean; reason: string }[];
  owing?: string[];
}

export interface RoundEvent {
  event: string;
  at: number;
  site?: string;
  hash?: string;
  reason?: string;
  trained_in?: number;
  staleness?: number;
}

export type RoundAnswer = Round & { protection?: string; groups?: number; figures?: RoundFigures; events: RoundEvent[] };

export type RolloutAnswer = Rollout & {
  reason?: string;
  /** verbs that are possible now */
  may: string[];
  rules?: { soak_ms: number; deadline_ms: number; success: number; error: number; reporting: string; window: string; approve: string };
  stage_ms?: number;
  deadline_ms?: number;
  sites?: { site: string; stage: number; state: string; since_ms: number; reason: string; watches?: boolean; desired?: string | null; lines?: { line: string; version: string | null }[] }[];
};

export interface Journal {
  records: JournalRecord[];
  last: number;
}
