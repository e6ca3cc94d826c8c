// One campaign: what it waits for, how far it is, what the gate said line by line, its rounds.
import { figure } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { to, type Params } from "../base/router.ts";
import type { Rollout, Round } from "../base/shapes.ts";
import { useResource } from "../shell/session.ts";
import { Bytes, Duration, Empty, Facts, Failed, Hash, Head, Loading, Panel, State, Time, When } from "../ui/bits.tsx";
import { Chart } from "../ui/chart.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { campaignVerbs } from "./campaign_verbs.tsx";
import { ProofTable } from "./drift_evidence.tsx";
import { CampaignState, roundTone, Said, share, Strip, Verbs, type Step } from "./work.tsx";
import type { CampaignAnswer, GateRow, Journal, RoundFigures, Work } from "./work_shapes.ts";

/** All that a campaign goes through, with what is done. */
export function stepsOf(a: CampaignAnswer): Step[] {
  const k = a.campaign;
  if (k.kind === "overlay") return [];
  const before = k.kind === "training" ? ["mean", "variance", "histogram"] : [];
  const rest = k.steps - before.length - k.train_rounds;
  const after = ["evaluate", "shadow"].slice(0, Math.max(0, rest));
  const out: Step[] = [];
  let at = 0;
  const state = (from: number, n: number): Step["state"] => (k.step >= from + n ? "done" : k.state === "RUNNING" && k.step >= from ? "now" : k.over ? "never" : "next");
  for (const kind of before) out.push({ name: word("work.round", kind), state: state(at++, 1) });
  out.push({ name: word("work.round", "train"), detail: t("work.n_of", { n: Math.max(0, Math.min(k.train_rounds, k.step - at)), all: k.train_rounds }), state: state(at, k.train_rounds) });
  at += k.train_rounds;
  for (const kind of after) out.push({ name: word("work.round", kind), state: state(at++, 1) });
  const judged = a.gate;
  out.push({ name: t("work.gate"), detail: judged ? t(judged.passed ? "work.passed" : "work.refused") : "", state: judged ? (judged.passed ? "done" : "failed") : k.over ? "never" : "next" });
  out.push({ name: t("work.promotion"), detail: k.rollout ? t("work.rollout_n", { id: String(k.rollout) }) : "", state: k.state === "PROMOTED" ? "done" : k.state === "PASSED" ? (k.asks ? "waits" : "now") : k.over ? "never" : "next" });
  return out;
}

const isShare = (what: string): boolean => /^(alarms|injected faults|blocks)/.test(what) && !/next to none/.test(what);

/** What must reach a number is held as a negative one; here it is said as people say it. */
function Held({ row, shown }: { row: GateRow; shown: (r: GateRow, v: number) => string }) {
  const least = row.limit < 0;
  return (
    <span class="nowrap">
      {shown(row, least ? -row.bound : row.bound)} <span class="dim">{t(least ? "work.at_least_limit" : "work.at_most_limit", { limit: shown(row, least ? -row.limit : row.limit) })}</span>
    </span>
  );
}

export function Gate({ gate }: { gate: NonNullable<CampaignAnswer["gate"]> }) {
  const rows = gate.rows ?? [];
  const shown = (r: GateRow, v: number): string => (isShare(r.what) ? share(v) : figure(v));
  const failed = rows.filter((r) => r.judged && !r.passed).length;
  return (
    <Panel title={t("work.gate_verdict")} actions={<State tone={gate.passed ? "ok" : gate.hard ? "bad" : "warn"}>{t(gate.passed ? "work.gate_passed" : gate.hard ? "work.gate_hard" : "work.gate_refused")}</State>}>
      <div class="inside">
        <p>
          <Said text={gate.reason} />
        </p>
        <p class="dim small">{failed > 0 ? t("work.gate_failed_n", { n: failed, all: rows.filter((r) => r.judged).length }) : t("work.gate_help")}</p>
      </div>
      {rows.length > 0 && (
        <Table
          caption={t("work.gate_verdict")}
          rows={rows}
          id={(r) => r.what}
          columns={[
            { id: "what", head: t("work.asked"), cell: (r) => word("work.gate", r.what.replace(/,/g, "")) },
            { id: "candidate", head: t("work.candidate"), cell: (r) => shown(r, r.candidate), end: true },
            { id: "production", head: t("work.production"), cell: (r) => shown(r, r.production), end: true },
            { id: "bound", head: t("work.held"), cell: (r) => (r.judged ? <Held row={r} shown={shown} /> : <span class="dim">{t("work.told_only")}</span>), end: true },
            { id: "passed", head: t("work.verdict"), cell: (r) => (r.judged ? <State tone={r.passed ? "ok" : "bad"}>{t(r.passed ? "work.passed" : "work.failed")}</State> : <State tone="idle">{t("work.told")}</State>) },
          ]}
        />
      )}
    </Panel>
  );
}

function Rounds({ k }: { k: Work }) {
  const rounds = useResource<{ rounds: Round[] }>("/rounds", { query: { model: k.model, limit: 500 }, on: ["round.opened", "round.ended"], every: k.over ? 0 : 5000 });
  const ended = useResource<Journal>("/journal", { query: { kind: "round.ended", since: k.opened_ms, limit: 500, ...(k.over ? { until: k.ended_ms + 60_000 } : {}) }, on: ["round.ended"] });
  const own = (rounds.data?.rounds ?? []).filter((r) => r.campaign === k.id);
  const figures = new Map((ended.data?.records ?? []).map((r) => [(r.body as unknown as RoundFigures).id, r.body as unknown as RoundFigures]));
  if (!rounds.data) return rounds.error ? <Failed error={rounds.error} retry={rounds.reload} /> : <Loading />;
  const trained = own.filter((r) => r.kind === "train" && figures.get(r.id)?.loss !== undefined).reverse();
  return (
    <>
      {trained.length > 1 && (
        <Panel title={t("work.loss_over")}>
          <div class="inside">
            <Chart title={t("work.loss_over")} height={180} x={{ name: t("work.train_round"), values: trained.map((_, i) => i + 1), kind: "number" }} series={[{ name: t("work.loss"), values: trained.map((r) => figures.get(r.id)!.loss) }]} />
          </div>
        </Panel>
      )}
      <Panel title={t("work.rounds")}>
        <Table
          caption={t("work.rounds")}
          rows={own}
          page={30}
          id={(r) => String(r.id)}
          empty={<Empty title={t("work.no_rounds_yet")} />}
          columns={[
            { id: "id", head: t("work.round_name"), cell: (r) => <a href={"/rounds/" + r.id}>{r.id}</a>, by: (r) => -r.id },
            { id: "kind", head: t("work.kind"), cell: (r) => word("work.round", r.kind), by: (r) => r.kind },
            { id: "state", head: t("work.state"), cell: (r) => <State tone={roundTone[r.state] ?? "busy"} title={r.reason}>{word("work.roundstate", r.state)}</State>, by: (r) => r.state },
            { id: "sites", head: t("work.updates"), cell: (r) => (r.cohort ? t("work.n_of", { n: r.delivered, all: r.cohort }) : r.delivered), by: (r) => r.delivered, end: true },
            { id: "loss", head: t("work.loss"), cell: (r) => (r.kind !== "train" || figures.get(r.id)?.loss === undefined ? "–" : figure(figures.get(r.id)!.loss!)), by: (r) => (r.kind === "train" ? figures.get(r.id)?.loss : undefined), end: true },
            { id: "bytes", head: t("work.bytes"), cell: (r) => <Bytes n={figures.get(r.id)?.bytes} />, by: (r) => figures.get(r.id)?.bytes, end: true },
            { id: "opened", head: t("work.opened"), cell: (r) => <When ms={r.opened_ms} />, by: (r) => r.opened_ms },
            { id: "took", head: t("work.took"), cell: (r) => (r.ended_ms ? <Duration ms={r.ended_ms - r.opened_ms} /> : "–"), by: (r) => (r.ended_ms ? r.ended_ms - r.opened_ms : undefined), end: true },
          ]}
        />
      </Panel>
    </>
  );
}

function Lines({ k }: { k: Work }) {
  if (k.kind !== "overlay" || k.lines.length === 0) return null;
  return (
    <Panel title={t("work.adapting")}>
      <Table
        caption={t("work.adapting")}
        rows={k.lines}
        id={(l) => l.site + "/" + l.line}
        columns={[
          { id: "where", head: t("work.where"), cell: (l) => <a href={to("/sites/:name", { name: l.site })}>{l.site} / {l.line}</a>, by: (l) => l.site + l.line },
          { id: "state", head: t("work.state"), cell: (l) => word("work.refit", l.overlay_state || "asked"), by: (l) => l.overlay_state },
          { id: "overlay", head: t("work.overlay"), cell: (l) => <Hash hash={l.overlay} /> },
          { id: "reason", head: t("work.reason"), cell: (l) => <Said text={l.reason} /> },
        ]}
      />
    </Panel>
  );
}

export default function CampaignScreen({ params }: { params: Params }) {
  const r = useResource<CampaignAnswer>("/campaigns/" + params.id, { on: ["campaign.", "round.opened", "round.ended", "rollout.", "release.", "refit."], every: 5000 });
  const a = r.data;
  const k = a?.campaign;
  const rollout = useResource<{ rollout: Rollout }>(k?.rollout ? "/rollouts/" + k.rollout : null, { on: ["rollout."] });
  const crumbs: [string, string][] = [["/campaigns", t("work.campaigns")]];
  if (!a || !k)
    return (
      <div class="page">
        <Head title={t("work.campaign_n", { id: params.id ?? "" })} crumbs={crumbs} />
        <div class="panel">{r.error ? <Failed error={r.error} retry={r.reload} /> : <Loading />}</div>
      </div>
    );
  const steps = stepsOf(a);
  return (
    <div class="page">
      <Head
        title={t("work.campaign_n", { id: String(k.id) })}
        crumbs={crumbs}
        under={
          <>
            <CampaignState state={k.state} reason={k.reason} />
            <a href={to("/models/:name", { name: k.model })}>{k.model}</a>
            <span>{word("work.kind", k.kind)}</span>
            <span>
              {t("work.opened")} <Time ms={k.opened_ms} />
            </span>
            {k.over && (
              <span>
                {t("work.took")} <Duration ms={k.ended_ms - k.opened_ms} />
              </span>
            )}
          </>
        }
      >
        <Verbs verbs={campaignVerbs(k)} after={r.reload} />
      </Head>
      {(k.asks || !k.over) && (
        <div class={"panel callout " + (k.asks ? "wait" : "busy")}>
          <Icon name={k.asks ? "wait" : "busy"} />
          <div>
            <strong>{k.asks ? t(k.asks === "promotion" ? "work.asks_promotion" : "work.asks_start") : t("work.now")}</strong>
            <div>
              {k.asks === "start" ? word("work.will", k.kind) : <Said text={k.asks ? k.reason : k.waiting} />}
            </div>
          </div>
          {k.open_round > 0 && (
            <a class="button" href={"/rounds/" + k.open_round}>
              {t("work.go_round")}
            </a>
          )}
          {k.rollout > 0 && (
            <a class="button" href={"/rollouts/" + k.rollout}>
              {t("work.go_rollout")}
            </a>
          )}
        </div>
      )}
      {steps.length > 0 && <Strip label={t("work.steps")} steps={steps} />}
      <Panel title={t("work.why")}>
        <div class="inside stack4">
          <p>
            <Said text={k.trigger} />
          </p>
          {k.plan && (
            <p class="dim">
              <Said text={k.plan} />
            </p>
          )}
          {k.over && !a.gate && (
            <p>
              <strong>{t("work.outcome_name")}</strong>: <Said text={k.reason} />
            </p>
          )}
          <Facts
            rows={[
              [t("work.asked_by"), word("work.cause", k.cause)],
              ...(k.scope ? ([[t("work.scope_name"), word("work.scope", k.scope)]] as [string, string][]) : []),
              ...(a.opened?.sites?.length ? ([[t("work.train_new"), a.opened.sites.join(", ")]] as [string, string][]) : []),
              ...(a.opened?.replay?.length ? ([[t("work.train_known"), a.opened.replay.join(", ")]] as [string, string][]) : []),
              [t("work.starts_from"), <Hash hash={k.base} href={k.base ? "/versions/" + k.base : undefined} />],
              [t("work.newest"), <Hash hash={k.head} href={k.head ? "/versions/" + k.head : undefined} />],
              ...(k.rollout ? ([[t("work.rollout_name"), <a href={"/rollouts/" + k.rollout}>{t("work.rollout_n", { id: String(k.rollout) })}{rollout.data ? ", " + word("work.rollout", rollout.data.rollout.state) : ""}</a>]] as [string, preact.ComponentChildren][]) : []),
            ]}
          />
        </div>
        {(a.opened?.evidence?.length ?? 0) > 0 && k.cause === "drift" && (
          <ProofTable
            caption={t("work.evidence_of", { id: String(k.id) })}
            proofs={a.opened!.evidence!.map((e) => ({ id: e.site + e.line + e.test, site: e.site, line: e.line, test: e.test, subject: e.subject, value: e.value, bound: e.bound, p: e.p, reports: e.n, since_ms: e.since_ms }))}
          />
        )}
      </Panel>
      {a.gate && <Gate gate={a.gate} />}
      <Lines k={k} />
      {k.kind !== "overlay" && <Rounds k={k} />}
    </div>
  );
}
