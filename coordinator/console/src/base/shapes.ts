// What the coordinator's API answers, as far as screens read it (docs/ has the whole).

export interface Line {
  line: string;
  model: string;
  version: string | null;
  overlay: string | null;
}

export interface Site {
  name: string;
  status: "requested" | "approved" | "denied" | "revoked";
  fingerprint: string;
  next_fingerprint?: string;
  party: string;
  since_ms: number;
  keys_ms: number;
  connected: boolean;
  seen_ms?: number;
  state?: string;
  agent?: string;
  alarms?: number;
  queued_alarms?: number;
  bytes_received?: number;
  lines?: Line[];
}

export interface Privacy {
  unit: string;
  brief: string;
  text: string;
  epsilon?: number;
  budget?: number;
  delta?: number;
  noise?: number;
  ratio?: number;
  after?: number;
  rounds_spent?: number;
  rounds_asked?: number;
  rounds_left?: number;
  rounds_without_noise?: number;
  rounds_of_statistics?: number;
}

export interface Model {
  name: string;
  candidate: string | null;
  canary: string | null;
  production: string | null;
  blank: string | null;
  versions: number;
  sites_connected: number;
  release_counter: number;
  privacy?: Privacy;
}

export interface Round {
  id: number;
  model: string;
  kind: string;
  campaign: number;
  opened_ms: number;
  ended_ms?: number;
  state: string;
  waiting?: string;
  cohort?: number;
  delivered: number;
  deadline_ms?: number;
  reason?: string;
  result?: string | null;
  plan: string;
  rule?: string;
  server_optimiser?: string;
  privacy: Privacy;
  members?: Member[];
}

export interface Member {
  site: string;
  state: string;
  connected: boolean;
  phase?: string;
  fraction?: number;
  eta_ms?: number;
}

export interface Campaign {
  id: number;
  model: string;
  kind: string;
  state: "WAITING" | "RUNNING" | "PASSED" | "PROMOTED" | "STOPPED" | "ADAPTED";
  trigger: string;
  cause: string;
  scope: string;
  plan: string;
  reason: string;
  waiting: string;
  step: number;
  steps: number;
  train_rounds: number;
  open_round: number;
  opened_ms: number;
  ended_ms: number;
  base: string | null;
  head: string | null;
  over: boolean;
  lines: { site: string; line: string; overlay_state: string; overlay: string | null; reason: string }[];
}

export interface Stage {
  stage: string;
  open: boolean;
  sites: number;
  pending: number;
  told: number;
  running: number;
  fine: number;
  failed: number;
  absent: number;
}

export interface Rollout {
  id: number;
  model: string;
  version: string;
  from: string | null;
  campaign: number;
  by: string;
  state: string;
  waits_for: string;
  waiting: string;
  at_once: boolean;
  stage: number;
  opened_ms: number;
  ended_ms: number;
  stages: Stage[];
  sites?: { site: string; stage: number; state: string; since_ms: number; reason: string }[];
}

export interface Root {
  key: string;
  fingerprint: string;
  number: number;
  protected: boolean;
  waiting: number;
  roster_expires_ms: number;
  roster_expires_soon: boolean;
}

export interface Status {
  coordinator: {
    instance: string;
    started_ms: number;
    now_ms: number;
    control: string;
    bulk: string;
    enrol: string;
    enrolment_open: boolean;
    journal_seq: number;
  };
  sites: Site[];
  models: Model[];
  campaigns: Campaign[];
  rounds: Round[];
  rollouts: Rollout[];
  root: Root;
  drifts: number;
}

export interface FleetLine {
  site: string;
  line: string;
  model: string;
  desired: string | null;
  reported: string | null;
  since_ms: number;
  differs: boolean;
  reason?: string;
}

export interface Roster {
  counter: number;
  waiting: boolean;
  sites: { site: string; party: string }[];
  root: Root;
}

export interface ReleaseWait {
  id: number;
  model: string;
  version: string;
  reason: string;
  by: string;
  since_ms: number;
  campaign?: number;
  statement?: string;
}

export interface Proposal {
  id: number;
  by: string;
  path: string;
  body?: Record<string, unknown>;
  basis: string;
  reason: string;
  made_ms: number;
  expires_ms: number;
}

export interface Drift {
  site: string;
  model: string;
  line: string;
  test: string;
  subject: string;
  sign: number;
  effect: number;
  threshold: number;
  since_ms: number;
  time_ms: number;
  campaign: number;
  version: string | null;
}

export interface Alarm {
  seq: number;
  site: string;
  line: string;
  alarm: number;
  version: string;
  raised_ms: number;
  cleared_ms: number;
  peak: number;
  time_ms: number;
  sensors: { sensor: string; share: number }[];
}

export interface Version {
  hash: string;
  parent: string | null;
  model: string;
  round: number;
  campaign: number;
  size: number;
  created_ms: number;
  aliases: string[];
  evaluated: boolean;
  quarantined?: string;
  pruned: boolean;
  /** Not of the API: why its campaign stopped, and whether it was production (screens/version_state.ts). */
  stopped?: string;
  former?: boolean;
}

export interface Figure {
  key: string;
  better: "lower" | "higher" | string;
  meaning?: string;
  value?: string;
  against?: string;
  a?: string;
  b?: string;
  winner?: "a" | "b" | "";
}

export interface Facts {
  hash: string;
  parent?: string;
  model: string;
  size: number;
  created_ms: number;
  generations: number;
  quarantined?: string;
  bundle?: {
    parameters: number;
    window: number;
    n_sensors: number;
    detector: string;
    threshold_policy: string;
    threshold: number;
    sensors: string[];
  };
  layout_difference?: string;
  campaign?: { id: number; kind: string; trigger: string; state: string };
  rounds: { id: number; kind: string; sites: number; plan: string; protection?: string }[];
  privacy: string;
  lines: string[];
  releases: { counter: number; expires_ms: number; time_ms: number; actor: string; delegation?: number }[];
  gate?: { passed: boolean; reason: string };
  figures?: Figure[];
  evaluated_sites?: number;
  evaluated_windows?: number;
  held_against?: string;
}

export interface PolicyRow {
  key: string;
  value: string | number | boolean;
  unit?: "ms" | "bytes";
  default: string;
  meaning: string;
}

export interface Move {
  alias: string;
  from?: string | null;
  to?: string | null;
  counter?: number;
  reason?: string;
  time_ms: number;
  seq: number;
  actor: string;
}

export interface Run {
  line: string;
  model: string;
  version: string;
  overlay: string | null;
  from_ms: number;
  told_ms: number;
  until_ms: number;
  heard_ms: number;
  dated: boolean;
  countersigned: boolean;
  left?: string;
  seq: number;
}

export interface Sent {
  site: string;
  kind: string;
  records: number;
  bytes: number;
  first_ms: number;
  last_ms: number;
}

export interface JournalRecord {
  seq: number;
  time_ms: number;
  kind: string;
  subject: string;
  actor: string;
  line: string;
  body: Record<string, unknown> | null;
  chain: string;
}
