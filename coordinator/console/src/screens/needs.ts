// What waits for a person, the most urgent first.  Pure: test/screens.test.ts.
import type { Key, Values } from "../base/i18n.ts";
import type { Campaign, Drift, FleetLine, Model, Proposal, Roster, Site, Status } from "../base/shapes.ts";
import type { Role } from "../shell/session.ts";
import type { Tone } from "../ui/bits.tsx";
import { aboutOf } from "./proposal.ts";

export interface Need {
  id: string;
  tone: Tone;
  title: Key;
  values: Values;
  /** What the coordinator says of it, in its own words. */
  detail: string;
  since_ms?: number | undefined;
  href: string;
  go: Key;
}

const ROLES: Partial<Record<Key, Role>> = { "console.go_decide": "releaser", "console.go_sign": "releaser", "console.go_confirm": "engineer", "console.go_compare": "administrator" };

/** What the link says to who may do so much; others may look, and where there is nothing for them to see there is no link. */
export function goOf(n: Need, may: (role: Role) => boolean): Key | undefined {
  if (n.href === "/enrol" && !may("administrator")) return undefined;
  const role = ROLES[n.go];
  return !role || may(role) ? n.go : "console.go_look";
}

/** A site that was not heard of for this long is silent; shorter cuts mend themselves. */
export const SILENT_MS = 120_000;
/** A line that follows is given this long before it is called behind. */
export const BEHIND_MS = 600_000;

/** Nobody has answered the report, and it is of what runs: one of a former production says nothing of the present one. */
export const isOpen = (d: Drift, models: Model[]): boolean => d.campaign === 0 && models.some((m) => m.name === d.model && m.production === d.version);

/** The gate took the change for a fault: somebody looks at the machine. */
export const isFault = (k: { state: string; reason: string }): boolean => k.state === "STOPPED" && k.reason.startsWith("possible fault");

/** A possible fault is told for this long, unless the model was promoted since. */
export const FAULT_MS = 86_400_000;

export interface Seen {
  status: Status;
  fleet: FleetLine[];
  roster?: Roster | undefined;
  drifts: Drift[];
  /** the latest first, those that are over too */
  campaigns?: Campaign[] | undefined;
  proposals?: Proposal[] | undefined;
  /** who looks: one's own proposal waits for somebody else */
  me?: string;
}

const isSilent = (s: Site, now: number): boolean => !s.connected && now - (s.seen_ms ?? s.since_ms) > SILENT_MS;

function sites({ status }: Seen, now: number): Need[] {
  const out: Need[] = [];
  for (const s of status.sites) {
    if (s.status === "requested")
      out.push({ id: "ask-" + s.name, tone: "wait", title: "console.need_admit", values: { site: s.name }, detail: s.fingerprint, since_ms: s.since_ms, href: "/enrol", go: "console.go_compare" });
    if (s.status !== "approved") continue;
    if (isSilent(s, now))
      out.push({ id: "silent-" + s.name, tone: "bad", title: "console.need_silent", values: { site: s.name }, detail: "", since_ms: s.seen_ms ?? s.since_ms, href: "/sites/" + s.name, go: "console.go_look" });
    const bare = s.connected ? (s.lines ?? []).filter((l) => !l.version) : [];
    if (bare.length > 0)
      out.push({ id: "bare-" + s.name, tone: "warn", title: "console.need_no_model", values: { site: s.name, n: bare.length }, detail: bare.map((l) => l.line).join(", "), href: "/sites/" + s.name, go: "console.go_look" });
  }
  return out;
}

function work({ status }: Seen): Need[] {
  const out: Need[] = [];
  for (const k of status.campaigns) {
    const drift = !["", "none", "person"].includes(k.cause);
    if (k.state === "WAITING")
      out.push({ id: "campaign-" + k.id, tone: "wait", title: drift ? "console.need_drift" : "console.need_campaign", values: { id: String(k.id), model: k.model }, detail: k.trigger, since_ms: k.opened_ms, href: "/campaigns/" + k.id, go: "console.go_decide" });
    // A passed candidate whose rollout or release waits is told by that.
    const elsewhere = status.rollouts.some((r) => r.campaign === k.id) || /release root/.test(k.waiting);
    if (k.state === "PASSED" && !elsewhere)
      out.push({ id: "campaign-" + k.id, tone: "wait", title: "console.need_promote", values: { id: String(k.id), model: k.model }, detail: k.reason, since_ms: k.opened_ms, href: "/campaigns/" + k.id, go: "console.go_decide" });
  }
  for (const r of status.rollouts) {
    const paused = r.state === "PAUSED";
    const failed = r.stages.reduce((n, s) => n + s.failed, 0);
    if (paused || r.waits_for === "approval" || failed > 0)
      out.push({ id: "rollout-" + r.id, tone: paused || failed > 0 ? "bad" : "wait", title: paused ? "console.need_paused" : failed > 0 ? "console.need_failed" : "console.need_stage", values: { id: String(r.id), model: r.model, n: failed }, detail: r.waiting, since_ms: r.opened_ms, href: "/rollouts/" + r.id, go: "console.go_decide" });
  }
  return out;
}

/** Of each model the last word of the gate. */
function faults({ campaigns }: Seen, now: number): Need[] {
  const judged = (campaigns ?? []).filter((k) => isFault(k) || k.state === "PROMOTED");
  const last = judged.filter((k, i) => judged.findIndex((x) => x.model === k.model) === i);
  return last
    .filter((k) => isFault(k) && now - k.ended_ms < FAULT_MS)
    .map((k) => ({ id: "fault-" + k.id, tone: "warn", title: "console.need_fault", values: { id: String(k.id), model: k.model }, detail: k.trigger, since_ms: k.ended_ms, href: "/campaigns/" + k.id, go: "console.go_look" }));
}

/** More of a kind than this are told as one, with a way to see which. */
const EACH_MAX = 3;
const MANY: Record<string, { title: Key; show: Show }> = {
  "console.need_admit": { title: "console.need_admit_many", show: "asking" },
  "console.need_silent": { title: "console.need_silent_many", show: "silent" },
  "console.need_no_model": { title: "console.need_no_model_many", show: "bare" },
};

export type Show = "asking" | "silent" | "bare";

/** Is the site one of those?  For the list of sites. */
export function isShown(show: Show, s: Site, now: number): boolean {
  if (show === "asking") return s.status === "requested";
  if (s.status !== "approved") return false;
  return show === "silent" ? isSilent(s, now) : s.connected && (s.lines ?? []).some((l) => !l.version);
}

function fold(list: Need[]): Need[] {
  const counts = new Map<string, Need[]>();
  for (const n of list) counts.set(n.title, [...(counts.get(n.title) ?? []), n]);
  return [...counts.values()].flatMap((same) => {
    const first = same[0]!;
    const many = MANY[first.title];
    if (!many || same.length <= EACH_MAX) return same;
    const names = same.map((n) => n.values.site).join(", ");
    const href = many.show === "asking" ? "/enrol" : "/?show=" + many.show;
    const times = same.flatMap((n) => n.since_ms ?? []);
    return [{ ...first, id: many.show, title: many.title, values: { n: same.length }, detail: names, since_ms: times.length > 0 ? Math.min(...times) : undefined, href }];
  });
}

export function needs(seen: Seen, now: number): Need[] {
  const { status, fleet, roster, drifts } = seen;
  const out = [...fold(sites(seen, now)), ...work(seen), ...faults(seen, now)];
  for (const p of seen.proposals ?? []) {
    const about = aboutOf(p.path);
    const mine = p.by === "user/" + seen.me;
    out.push({ id: "proposal-" + p.id, tone: mine ? "info" : "wait", title: about.title, values: about.values, detail: `${p.by}: ${p.reason || p.basis}`, since_ms: p.made_ms, href: "/proposals", go: mine ? "console.go_look" : "console.go_confirm" });
  }
  if (status.root.waiting > 0)
    out.push({ id: "release", tone: "wait", title: "console.need_release", values: { n: status.root.waiting }, detail: "", href: "/releases", go: "console.go_sign" });
  if (roster?.waiting)
    out.push({ id: "roster", tone: "wait", title: "console.need_roster", values: {}, detail: "", href: "/enrol", go: "console.go_sign" });
  else if (status.root.roster_expires_soon)
    out.push({ id: "roster", tone: "warn", title: "console.need_roster_old", values: {}, detail: "", href: "/enrol", go: "console.go_sign" });
  const open = drifts.filter((d) => isOpen(d, status.models));
  if (open.length > 0)
    out.push({ id: "drift", tone: "info", title: "console.need_reports", values: { n: open.length }, detail: [...new Set(open.map((d) => `${d.site}/${d.line}`))].join(", "), since_ms: Math.min(...open.map((d) => d.time_ms)), href: "/drifts", go: "console.go_look" });
  const behind = fleet.filter((l) => l.differs && (l.reason || now - l.since_ms > BEHIND_MS) && !status.rollouts.some((r) => r.model === l.model));
  if (behind.length > 0)
    out.push({ id: "behind", tone: "warn", title: "console.need_behind", values: { n: behind.length }, detail: behind.map((l) => `${l.site}/${l.line}${l.reason ? ": " + l.reason : ""}`).join(", "), href: "/sites/" + behind[0]!.site, go: "console.go_look" });
  const rank: Tone[] = ["bad", "wait", "warn", "info", "busy", "ok", "idle"];
  return out
    .map((n, i) => ({ n, i }))
    .sort((a, b) => rank.indexOf(a.n.tone) - rank.indexOf(b.n.tone) || a.i - b.i)
    .map((x) => x.n);
}
