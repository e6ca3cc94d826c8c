// What screens think, without showing it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { merge } from "../src/base/pages.ts";
import type { Campaign, FleetLine, Move, Site, Status, Version } from "../src/base/shapes.ts";
import { byDay } from "../src/screens/counts.ts";
import { compare } from "../src/screens/fingerprint.tsx";
import { lineage } from "../src/screens/lineage.ts";
import { goOf, isOpen, isShown, needs, SILENT_MS } from "../src/screens/needs.ts";
import { isDefault, parse, write } from "../src/screens/policy.ts";
import { aboutOf, partsOf } from "../src/screens/proposal.ts";
import { roleOf, withFate } from "../src/screens/version_state.ts";
import { roles } from "../src/shell/session.ts";
import { sorted } from "../src/ui/table.tsx";

const NOW = 1_000_000_000;

const site = (name: string, more: Partial<Site>): Site => ({ name, status: "approved", fingerprint: "aaaa-bbbb", party: name, since_ms: 1, keys_ms: 1, connected: true, seen_ms: NOW, lines: [], ...more });

function status(more: Partial<Status>): Status {
  return {
    coordinator: { instance: "", started_ms: 0, now_ms: NOW, control: "", bulk: "", enrol: "", enrolment_open: true, journal_seq: 1 },
    sites: [],
    models: [],
    campaigns: [],
    rounds: [],
    rollouts: [],
    root: { key: "", fingerprint: "", number: 0, protected: true, waiting: 0, roster_expires_ms: 0, roster_expires_soon: false },
    drifts: 0,
    ...more,
  };
}

const ids = (s: Status, fleet: FleetLine[] = []): string[] => needs({ status: s, fleet, drifts: [] }, NOW).map((n) => n.id);

test("a fleet in which all is well needs nobody", () => {
  const line = { line: "l", model: "m", version: "aa", overlay: null };
  assert.deepEqual(ids(status({ sites: [site("a", { lines: [line] })] })), []);
});

test("a report of drift is open until it is answered or another version runs", () => {
  const models = [{ name: "m", production: "aa" }] as unknown as Parameters<typeof isOpen>[1];
  const report = (version: string, campaign: number): boolean => isOpen({ model: "m", version, campaign } as Parameters<typeof isOpen>[0], models);
  assert.deepEqual([report("aa", 0), report("aa", 7), report("bb", 0)], [true, false, false]);
});

test("a change that the gate took for a fault is told until the model learns again, for a day at most", () => {
  const stopped = { id: 7, model: "m", state: "STOPPED", reason: "possible fault, not drift: ...", ended_ms: NOW - 1000 };
  const told = (...campaigns: object[]): string[] => needs({ status: status({}), fleet: [], drifts: [], campaigns: campaigns as unknown as Campaign[] }, NOW).map((n) => n.id);
  assert.deepEqual(told(stopped, { ...stopped, id: 6 }), ["fault-7"]);
  assert.deepEqual(told({ ...stopped, id: 8, state: "PROMOTED" }, stopped), []);
  assert.deepEqual(told({ ...stopped, id: 8, state: "PROMOTED", model: "other" }, stopped), ["fault-7"]);
  assert.deepEqual(told({ ...stopped, ended_ms: NOW - 86_400_000 }), []);
  assert.deepEqual(told({ ...stopped, reason: "no gain" }), []);
});

test("what is wrong comes before what waits, and that before what can wait", () => {
  const s = status({
    sites: [
      site("new", { status: "requested" }),
      site("still", { connected: false, seen_ms: NOW - SILENT_MS - 1 }),
      site("short", { connected: false, seen_ms: NOW - 1000 }),
      site("bare", { lines: [{ line: "l", model: "m", version: null, overlay: null }] }),
      site("gone", { status: "revoked", connected: false, seen_ms: 1 }),
    ],
  });
  assert.deepEqual(ids(s), ["silent-still", "ask-new", "bare-bare"]);
});

test("many of a kind are told as one", () => {
  const still = [1, 2, 3, 4].map((i) => site("s" + i, { connected: false, seen_ms: NOW - SILENT_MS - i }));
  assert.deepEqual(ids(status({ sites: still.slice(0, 3) })), ["silent-s1", "silent-s2", "silent-s3"]);
  const all = needs({ status: status({ sites: still }), fleet: [], drifts: [] }, NOW);
  assert.equal(all.length, 1);
  assert.deepEqual([all[0]!.id, all[0]!.values.n, all[0]!.detail, all[0]!.since_ms], ["silent", 4, "s1, s2, s3, s4", NOW - SILENT_MS - 4]);
  assert.deepEqual(still.map((s) => isShown("silent", s, NOW)), [true, true, true, true]);
  assert.equal(isShown("bare", still[0]!, NOW), false);
});

test("a campaign, a paused rollout and a release that wait are each told once", () => {
  const campaign = { id: 3, model: "m", state: "WAITING", cause: "drift", trigger: "drift of one line", waiting: "", opened_ms: 1 } as Campaign;
  const passed = { ...campaign, id: 4, state: "PASSED", waiting: "passed the gate, waits for the release root's signature" } as Campaign;
  const stage = { stage: "all", open: true, sites: 2, pending: 2, told: 0, running: 0, fine: 0, failed: 0, absent: 0 };
  const rollout = { id: 9, model: "m", version: "v", from: null, campaign: 0, by: "", state: "PAUSED", waits_for: "nothing", waiting: "paused", at_once: false, stage: 1, opened_ms: 1, ended_ms: 0, stages: [stage] };
  const s = status({ campaigns: [campaign, passed], rollouts: [rollout] });
  s.root.waiting = 1;
  assert.deepEqual(ids(s), ["rollout-9", "campaign-3", "release"]);
});

test("a line that follows a rollout is not behind, one that is left alone is", () => {
  const line = { site: "a", line: "l", model: "m", desired: "b", reported: "a", since_ms: 1, differs: true };
  assert.deepEqual(ids(status({}), [line]), ["behind"]);
  assert.deepEqual(ids(status({}), [{ ...line, since_ms: NOW - 1000 }]), []);
  assert.deepEqual(ids(status({}), [{ ...line, since_ms: NOW - 1000, reason: "disk full" }]), ["behind"]);
});

const version = (hash: string, parent: string | null, n: number, more: Partial<Version> = {}): Version => ({ hash, parent, model: "m", round: n, campaign: 1, size: 1, created_ms: n, aliases: [], evaluated: false, pruned: false, ...more });

test("a lineage folds what only leads on, and keeps the way to production straight", () => {
  const list = [
    version("blank", null, 1),
    version("r1", "blank", 2),
    version("r2", "r1", 3),
    version("first", "r2", 4, { evaluated: true }),
    version("side1", "first", 5),
    version("side", "side1", 6, { evaluated: true }),
    version("main1", "first", 7),
    version("main", "main1", 8, { evaluated: true, aliases: ["production"] }),
  ];
  const { nodes, columns, rows } = lineage(list, "main");
  const at = new Map(nodes.map((n) => [n.version.hash, n]));
  assert.deepEqual([...at.keys()].sort(), ["blank", "first", "main", "side"]);
  assert.deepEqual([at.get("first")!.folded, at.get("main")!.folded, at.get("side")!.folded], [2, 1, 1]);
  assert.deepEqual(
    ["blank", "first", "main", "side"].map((h) => [at.get(h)!.column, at.get(h)!.row]),
    [[0, 0], [1, 0], [2, 0], [2, 1]],
  );
  assert.deepEqual([columns, rows], [3, 2]);
});

test("branches that do not meet share a row", () => {
  const list = [version("v0", null, 0)];
  for (let i = 1; i <= 40; i++) {
    list.push(version("v" + i, "v" + (i - 1), 2 * i, { evaluated: true, aliases: i === 40 ? ["production"] : [] }));
    list.push(version("s" + i, "v" + (i - 1), 2 * i + 1, { evaluated: true }));
  }
  const { nodes, columns, rows } = lineage(list, "v40");
  assert.deepEqual([nodes.length, columns, rows], [81, 41, 3]);
  assert.ok(nodes.filter((n) => n.version.hash.startsWith("v")).every((n) => n.row === 0));
  const places = new Set(nodes.map((n) => n.column + "," + n.row));
  assert.equal(places.size, nodes.length, "two in one place");
});

test("a lineage of parents that are not listed has several beginnings", () => {
  const { nodes, rows } = lineage([version("b", "gone", 1), version("c", "b", 2), version("x", "lost", 3)], null);
  assert.equal(rows, 2);
  assert.equal(nodes.filter((n) => !n.parent).length, 2);
  assert.deepEqual(lineage([], null), { nodes: [], columns: 0, rows: 0 });
});

test("what became of a version is told by campaigns and aliases", () => {
  const campaign = { state: "STOPPED", head: "bad", reason: "possible fault" } as Campaign;
  const move = { alias: "production", to: "old", time_ms: 1, seq: 1, actor: "" } as Move;
  const list = withFate([version("bad", null, 1, { evaluated: true }), version("old", null, 2), version("now", null, 3, { aliases: ["production"] }), version("r", null, 4)], [campaign], [move]);
  assert.deepEqual(list.map(roleOf), ["stopped", "former", "production", "made"]);
});

test("options are written and read as people do", () => {
  assert.equal(write({ value: 600_000, unit: "ms" }), "10m");
  assert.equal(write({ value: 90_000, unit: "ms" }), "90s");
  assert.equal(write({ value: 86_400_000, unit: "ms" }), "1d");
  assert.equal(write({ value: 21_474_836_480, unit: "bytes" }), "20G");
  assert.equal(write({ value: 0.5 }), "0.5");
  assert.equal(write({ value: true }), "true");
  assert.equal(parse("1.5s", "ms"), 1500);
  assert.equal(parse("64k", "bytes"), 65_536);
  assert.equal(parse("mean"), undefined);
  const row = { key: "k", meaning: "" };
  assert.ok(isDefault({ ...row, value: 300_000, unit: "ms", default: "5m" }));
  assert.ok(!isDefault({ ...row, value: 300_000, unit: "ms", default: "10m" }));
  assert.ok(isDefault({ ...row, value: 0.001, default: "1e-3" }));
  assert.ok(!isDefault({ ...row, value: "secure-sum", default: "trusted" }));
});

test("a fingerprint is compared as people type it", () => {
  const real = "ke4e-acsv-4nzb";
  assert.equal(compare("KE4E acsv 4nzb", real).state, "same");
  assert.equal(compare("ke4eacsv", real).state, "part");
  assert.deepEqual(compare("ke4e-acsw-4nzb", real), { state: "wrong", at: 7 });
  assert.equal(compare("ke4e-acsv-4nzbx", real).state, "wrong");
  assert.equal(compare(" - ", real).state, "empty");
});

test("a table sorts numbers as numbers, and what is not known last", () => {
  const columns = [{ id: "n", head: "", cell: () => "", by: (r: { n?: number | string }) => r.n }];
  const order = (rows: (number | string | undefined)[], sort: string): unknown[] => sorted(rows.map((n) => ({ n })), columns, sort).map((r) => r.n);
  assert.deepEqual(order([10, 9, undefined, 100], "n"), [9, 10, 100, undefined]);
  assert.deepEqual(order([10, 9, undefined, 100], "-n"), [100, 10, 9, undefined]);
  assert.deepEqual(order(["line-10", "line-9"], "n"), ["line-9", "line-10"]);
});

test("a proposal says what it is about, and is one's own or somebody else's", () => {
  assert.deepEqual(aboutOf("/api/v1/models/pump/promote"), { title: "console.promote_of", values: { model: "pump", id: "pump" }, href: "/models/pump" });
  assert.equal(aboutOf("/api/v1/rollouts/7/abort").href, "/rollouts/7");
  assert.equal(aboutOf("/api/v1/something").title, "console.proposal_other");
  assert.deepEqual(partsOf({ policy: { "drift.quorum": "2" }, reason: "x" }), [["drift.quorum", "2"]]);
  assert.deepEqual(partsOf({ version: "aa", at_once: false, reason: "" }), [["version", "aa"]]);
  const p = { id: 1, by: "user/anna", path: "/api/v1/models/pump/rollback", basis: "", reason: "r", made_ms: 1, expires_ms: 2 };
  const seen = { status: status({}), fleet: [], drifts: [], proposals: [p] };
  assert.deepEqual(needs({ ...seen, me: "anna" }, NOW).map((n) => n.tone), ["info"]);
  assert.deepEqual(needs({ ...seen, me: "ben" }, NOW).map((n) => n.go), ["console.go_confirm"]);
});

test("nobody is offered what the role may not do", () => {
  const at = (go: "console.go_look" | "console.go_decide" | "console.go_confirm" | "console.go_compare", href: string) => ({ id: "x", tone: "wait" as const, title: "console.need_roster" as const, values: {}, detail: "", href, go });
  const as = (role: (typeof roles)[number]) => (least: (typeof roles)[number]) => roles.indexOf(role) >= roles.indexOf(least);
  assert.equal(goOf(at("console.go_decide", "/campaigns/1"), as("releaser")), "console.go_decide");
  assert.equal(goOf(at("console.go_decide", "/campaigns/1"), as("engineer")), "console.go_look");
  assert.equal(goOf(at("console.go_confirm", "/proposals"), as("engineer")), "console.go_confirm");
  assert.equal(goOf(at("console.go_confirm", "/proposals"), as("viewer")), "console.go_look");
  assert.equal(goOf(at("console.go_compare", "/enrol"), as("administrator")), "console.go_compare");
  assert.equal(goOf(at("console.go_compare", "/enrol"), as("releaser")), undefined);
});

test("alarms are counted by day, and a day that may be half told is not shown", () => {
  const now = Date.parse("2026-03-05T10:00:00Z");
  const counts = [
    { day: "2026-03-05", site: "a", alarms: 2 },
    { day: "2026-03-04", site: "b", alarms: 1 },
    { day: "2026-03-03", site: "a", alarms: 4 },
    { day: "2026-03-03", site: "a", alarms: 1 },
    { day: "2026-02-01", site: "a", alarms: 9 },
  ];
  assert.deepEqual(byDay(counts, 3, now, false).get("a"), [5, 0, 2]);
  assert.deepEqual(byDay(counts, 3, now, false).get("b"), [0, 1, 0]);
  assert.deepEqual(byDay(counts.slice(0, 4), 3, now, true).get("a"), [0, 0, 2]);
});

test("pieces of a list are put together without gaps and doubles", () => {
  const rows = (...n: number[]): { n: number; at: string }[] => n.map((x) => ({ n: x, at: "old" }));
  const id = (r: { n: number }): number => r.n;
  const list = merge(rows(9, 8), rows(7, 6), "after", id);
  assert.deepEqual(list.map(id), [9, 8, 7, 6]);
  // Three came meanwhile: what fell off the first piece is still known.
  const fresh = [12, 11, 10].map((n) => ({ n, at: "new" }));
  assert.deepEqual(merge(list, fresh, "before", id).map(id), [12, 11, 10, 9, 8, 7, 6]);
  const changed = merge(list, [{ n: 9, at: "new" }], "before", id);
  assert.deepEqual([changed.length, changed[0]!.at], [4, "new"]);
  assert.deepEqual(merge(list, rows(6, 5), "after", id).map(id), [9, 8, 7, 6, 5]);
});
