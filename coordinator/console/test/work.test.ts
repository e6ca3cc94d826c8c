// What the screens of drift, campaigns, rollouts, rounds and alarms think, without showing it.
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Alarm } from "../src/base/shapes.ts";
import { latest } from "../src/screens/alarms.tsx";
import { stepsOf } from "../src/screens/campaign.tsx";
import { campaignVerbs } from "../src/screens/campaign_verbs.tsx";
import { rolloutVerbs } from "../src/screens/rollout_parts.tsx";
import { people, phases } from "../src/screens/round.tsx";
import type { RolloutAnswer, RoundAnswer, Work } from "../src/screens/work_shapes.ts";

const campaign = (more: Partial<Work>): Work => ({ id: 7, model: "pump", kind: "incremental", state: "RUNNING", trigger: "", cause: "drift", scope: "", plan: "", reason: "", waiting: "", step: 0, steps: 5, train_rounds: 4, open_round: 0, opened_ms: 1, ended_ms: 0, base: null, head: null, over: false, lines: [], asks: "", rollout: 0, ...more });
const states = (more: Partial<Work>, gate?: { passed: boolean }): string => stepsOf({ campaign: campaign(more), ...(gate ? { gate: { reason: "", candidate: "", ...gate } } : {}) }).map((s) => s.state).join(" ");

test("a campaign's steps follow its rounds, its gate and its end", () => {
  assert.equal(states({ step: 2 }), "now next next next");
  assert.equal(states({ step: 4 }), "done now next next");
  assert.equal(states({ kind: "training", steps: 8, step: 1 }), "done now next next next next next");
  assert.equal(states({ steps: 6, step: 5 }), "done done now next next");
  assert.equal(states({ step: 5, state: "STOPPED", over: true }, { passed: false }), "done done failed never");
  assert.equal(states({ step: 5, state: "PASSED", asks: "promotion" }, { passed: true }), "done done done waits");
  assert.equal(states({ step: 5, state: "PROMOTED", over: true }, { passed: true }), "done done done done");
  assert.equal(states({ kind: "overlay" }), "");
});

test("what may be done with a campaign follows from what it asks", () => {
  const ids = (more: Partial<Work>): string => campaignVerbs(campaign(more)).map((v) => v.id + ":" + v.role).join(" ");
  assert.equal(ids({ state: "WAITING", asks: "start" }), "approve:releaser stop:engineer");
  assert.equal(ids({}), "stop:engineer");
  assert.equal(ids({ over: true, state: "STOPPED" }), "");
});

test("a rollout offers what is possible, and going back once it is production", () => {
  const stage = { stage: "all", open: true, sites: 2, pending: 0, told: 0, running: 0, fine: 2, failed: 0, absent: 0 };
  const r = (more: Partial<RolloutAnswer>): RolloutAnswer => ({ id: 3, model: "pump", version: "bb", from: "aa", campaign: 0, by: "", state: "RUNNING", waits_for: "nothing", waiting: "", at_once: false, stage: 1, opened_ms: 1, ended_ms: 0, stages: [stage], may: [], ...more });
  const ids = (x: RolloutAnswer, production = "aa"): string => rolloutVerbs(x, production).map((v) => v.id).join(" ");
  assert.equal(ids(r({ may: ["pause", "abort"] })), "pause abort");
  assert.equal(ids(r({ state: "WAITING", may: ["approve", "abort"] })), "approve abort");
  assert.equal(ids(r({ state: "PAUSED", may: ["approve", "resume", "retry", "abort"] })), "goon resume retry abort");
  assert.equal(rolloutVerbs(r({ state: "PAUSED", may: ["approve"] }), "aa")[0]!.decision.path, "/rollouts/3/approve");
  assert.equal(ids(r({ state: "DONE" }), "bb"), "rollback");
  assert.equal(ids(r({ state: "DONE" }), "cc"), "");
  assert.equal(ids(r({ state: "DONE", from: null }), "bb"), "");
});

const round = (more: Partial<RoundAnswer>): RoundAnswer => ({ id: 9, model: "pump", kind: "train", campaign: 7, opened_ms: 1000, state: "COLLECTING", delivered: 0, plan: "", privacy: { unit: "none", brief: "none", text: "" }, events: [], ...more });

test("the phases of a round are those of its kind of sum", () => {
  const text = (r: RoundAnswer): string => phases(r).map((s) => s.state).join(" ");
  assert.equal(text(round({ protection: "trusted: the coordinator can read each site's update" })), "done now next next");
  assert.equal(text(round({ protection: "secure sum of 4 sites" })), "done done now next next next next");
  assert.equal(text(round({ state: "COMMITTED" })), "done done done done");
  assert.equal(text(round({ state: "ABORTED" })), "failed never never never");
  assert.equal(text(round({ state: "ABORTED", events: [{ event: "update", at: 2000, site: "a" }] })), "done failed never never");
});

test("who took part in a round that is over is told by its events", () => {
  const events = [
    { event: "accept", at: 1100, site: "b" },
    { event: "accept", at: 1200, site: "a" },
    { event: "refuse", at: 1300, site: "c", reason: "the line needs the machine" },
    { event: "update", at: 1900, site: "a" },
  ];
  assert.deepEqual(
    people(round({ state: "COMMITTED", events })).map((w) => [w.site, w.state, w.delivered]),
    [
      ["a", "delivered", 1900],
      ["b", "left out", undefined],
      ["c", "refused", undefined],
    ],
  );
  const open = people(round({ events, members: [{ site: "b", state: "accepted", connected: true, phase: "training", fraction: 0.5 }] }));
  assert.equal(open.find((w) => w.site === "b")!.state, "accepted");
});

test("an alarm that is over is one alarm", () => {
  const alarm = (seq: number, site: string, raised_ms: number, cleared_ms: number): Alarm => ({ seq, site, line: "l", alarm: 1, version: "", raised_ms, cleared_ms, peak: 2, time_ms: seq, sensors: [] });
  const list = latest([alarm(4, "a", 10, 20), alarm(3, "b", 10, 0), alarm(2, "a", 10, 0), alarm(1, "a", 5, 0)]);
  assert.deepEqual(
    list.map((a) => a.seq),
    [4, 3, 1],
  );
});
