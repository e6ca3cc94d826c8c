// The drift inbox: what asks for a decision first, then what the reports add up to, then all reports.
import { useMemo } from "preact/hooks";
import { figure } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { place, setQuery, to } from "../base/router.ts";
import type { Drift, Model } from "../base/shapes.ts";
import { session, useResource } from "../shell/session.ts";
import { Bar, Empty, Facts, Failed, Hash, Head, Loading, Panel, State, Time } from "../ui/bits.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { campaignVerbs } from "./campaign_verbs.tsx";
import { isOpen } from "./needs.ts";
import { Direction, ProofsOverTime, ProofTable, subjectName, testName, type Proof } from "./drift_evidence.tsx";
import { Against, CampaignState, chance, Said, times, Verbs } from "./work.tsx";
import type { CampaignAnswer, DriftAlert, Journal, Triage, Work } from "./work_shapes.ts";

const byDrift = (k: Work): boolean => k.cause !== "" && k.cause !== "person";

/** What is known of a report beyond the inbox's row: how many rows were compared. */
function useAlerts(): Map<string, DriftAlert> {
  const journal = useResource<Journal>("/journal", { query: { kind: "drift.alert", newest: true, limit: 200 }, on: ["drift."] });
  return useMemo(() => {
    const map = new Map<string, DriftAlert>();
    for (const r of journal.data?.records ?? []) {
      const a = r.body as unknown as DriftAlert;
      if (a) map.set(`${r.subject} ${r.time_ms} ${a.test} ${a.subject}`, a);
    }
    return map;
  }, [journal.data]);
}

const alertOf = (alerts: Map<string, DriftAlert>, d: Drift): DriftAlert | undefined => alerts.get(`${d.site} ${d.time_ms} ${d.test} ${d.subject}`);

function proofsOf(drifts: Drift[], alerts: Map<string, DriftAlert>): Proof[] {
  return drifts.map((d) => {
    const a = alertOf(alerts, d);
    return { id: `${d.site} ${d.line} ${d.time_ms} ${d.test} ${d.subject}`, site: d.site, line: d.line, test: d.test, subject: d.subject, sign: d.sign, value: a?.statistic ?? d.effect, bound: d.threshold, since_ms: d.since_ms, ...(a ? { n_reference: a.n_reference, n_current: a.n_current } : {}) };
  });
}

function Sites({ names }: { names: string[] | undefined }) {
  if (!names || names.length === 0) return <span class="dim">{t("work.nobody")}</span>;
  return (
    <>
      {names.map((s, i) => (
        <span key={s}>
          {i > 0 && ", "}
          <a href={to("/sites/:name", { name: s })}>{s}</a>
        </span>
      ))}
    </>
  );
}

function Asks({ k, drifts, alerts, after }: { k: Work; drifts: Drift[]; alerts: Map<string, DriftAlert>; after: () => void }) {
  const more = useResource<CampaignAnswer>("/campaigns/" + k.id, { on: ["campaign."] });
  const opened = more.data?.opened;
  const own = drifts.filter((d) => d.campaign === k.id);
  const proofs: Proof[] =
    own.length > 0
      ? proofsOf(own, alerts)
      : (opened?.evidence ?? []).map((e) => ({ id: e.site + e.line + e.test, site: e.site, line: e.line, test: e.test, subject: e.subject, value: e.value, bound: e.bound, p: e.p, reports: e.n, since_ms: e.since_ms }));
  return (
    <Panel
      title={t("work.asks_title", { id: String(k.id), model: k.model })}
      actions={
        <>
          <CampaignState state={k.state} reason={k.reason} />
          <span class="dim small">
            <Time ms={k.opened_ms} />
          </span>
        </>
      }
    >
      <div class="inside stack4">
        <p class="lead">
          <Icon name="drift" />
          <span>
            <strong>{k.scope ? t("work.drift_of", { scope: word("work.scope", k.scope) }) : word("work.cause", k.cause)}</strong>
            <br />
            <span class="dim">
              <Said text={k.asks === "promotion" ? k.reason : k.trigger} />
            </span>
          </span>
        </p>
        <Facts
          rows={[
            [t("work.if_approved"), k.asks === "promotion" ? t("work.promotes_candidate") : word("work.will", k.kind)],
            [t("work.train_new"), <Sites names={opened?.sites} />],
            [t("work.train_known"), <Sites names={opened?.replay} />],
            [t("work.rounds_planned"), k.kind === "overlay" ? t("work.no_rounds") : t("work.n_train_rounds", { n: k.train_rounds })],
            [t("work.starts_from"), <Hash hash={k.base} href={k.base ? "/versions/" + k.base : undefined} />],
          ]}
        />
        {k.plan && (
          <p class="dim small">
            <Said text={k.plan} />
          </p>
        )}
      </div>
      {proofs.length > 0 ? <ProofTable caption={t("work.evidence_of", { id: String(k.id) })} proofs={proofs} /> : !more.data && <Loading />}
      <div class="inside actions">
        <Verbs verbs={campaignVerbs(k)} after={after} />
        <span class="grow" />
        <a class="button" href={"/campaigns/" + k.id}>
          {t("work.go_campaign")}
        </a>
      </div>
    </Panel>
  );
}

function Chances({ t: x }: { t: Triage }) {
  const rows: [string, string, string][] = [
    [t("work.reports_month"), figure(x.expected.reports_month), x.observed.days >= 1 ? figure((x.observed.reports / x.observed.days) * 30) : t("work.n_in_short", { n: x.observed.reports })],
    [t("work.false_month"), figure(x.expected.campaigns_month), x.observed.days >= 1 ? t("work.at_most", { n: figure(x.observed.false_month), most: figure(x.observed.false_month_max) }) : "–"],
  ];
  return (
    <div class="chances">
      <h3>{t("work.chances")}</h3>
      <table class="rows">
        <caption class="unseen">{t("work.chances")}</caption>
        <thead>
          <tr>
            <th scope="col">
              <span class="unseen">{t("work.figure")}</span>
            </th>
            <th scope="col" class="end">
              <span>{t("work.without_drift")}</span>
            </th>
            <th scope="col" class="end">
              <span>{t("work.seen_so_far")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, expected, seen]) => (
            <tr key={name}>
              <th scope="row">
                <span>{name}</span>
              </th>
              <td class="end">{expected}</td>
              <td class="end">{seen}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="dim small">
        {x.expected.p_alone >= 1 ? t("work.chance_off") : t("work.chance_alone", { p: chance(x.expected.p_alone) })} {t("work.outcome", { n: x.observed.campaigns, learned: x.observed.promoted, faults: x.observed.possible_faults, none: x.observed.no_gain })}
      </p>
    </div>
  );
}

function ModelTriage({ model }: { model: string }) {
  const r = useResource<Triage>(`/models/${encodeURIComponent(model)}/drift`, { on: ["drift.", "campaign.", "model.policy", "alias."] });
  const x = r.data;
  if (!x) return <Panel title={model}>{r.error ? <Failed error={r.error} retry={r.reload} /> : <Loading />}</Panel>;
  const tone = x.answer === "nothing" ? (x.findings.length > 0 ? "wait" : "ok") : "warn";
  return (
    <Panel
      title={t("work.triage_of", { model })}
      actions={
        <State tone={tone}>{x.findings.length === 0 ? t("work.quiet") : word("work.answer", x.answer)}</State>
      }
    >
      <div class="inside triage">
        <div class="stack4">
          <Facts
            rows={[
              [t("work.scope_name"), word("work.scope", x.scope)],
              [
                t("work.quorum"),
                <span class="quorum">
                  <Bar share={x.sites_needed ? x.sites_proven / x.sites_needed : 0} label={t("work.quorum")} />
                  {t("work.of_needed", { n: x.sites_proven, needed: x.sites_needed })}
                </span>,
              ],
              [t("work.runs_at"), t("work.lines_at_sites", { lines: x.lines, sites: x.sites })],
              [t("work.what_is_done"), <><span>{word("work.answer", x.answer)}</span> <span class="dim">(<Said text={x.why} />)</span></>],
            ]}
          />
          <p class="dim">
            <Said text={x.evidence} />
          </p>
          {x.triggers.some((g) => g.on && g.trigger !== "drift") && (
            <ul class="plainlist">
              {x.triggers
                .filter((g) => g.on && g.trigger !== "drift")
                .map((g) => (
                  <li key={g.trigger}>
                    <State tone={g.due ? "warn" : "idle"}>{word("work.cause", g.trigger)}</State> <Said text={g.evidence || g.looks_at} />
                  </li>
                ))}
            </ul>
          )}
        </div>
        <Chances t={x} />
      </div>
      {x.findings.length > 0 && (
        <ProofTable
          caption={t("work.findings_of", { model })}
          states
          proofs={x.findings.map((f) => ({ id: f.site + " " + f.line, site: f.site, line: f.line, test: f.test, subject: f.subject, value: f.effect, bound: f.threshold, p: f.p, reports: f.reports, since_ms: f.since_ms, proven: f.proven, ripe: f.ripe }))}
        />
      )}
    </Panel>
  );
}

/** The strongest PSI that was reported of each sensor. */
function BySensor({ drifts }: { drifts: Drift[] }) {
  const best = new Map<string, Drift & { n: number }>();
  for (const d of drifts) {
    if (d.subject === "score" || d.subject === "") continue;
    const had = best.get(d.subject);
    const n = (had?.n ?? 0) + 1;
    best.set(d.subject, !had || d.effect > had.effect ? { ...d, n } : { ...had, n });
  }
  const rows = [...best.values()].sort((a, b) => b.effect - a.effect);
  if (rows.length === 0) return null;
  const most = Math.max(1, ...rows.map((d) => (d.threshold > 0 ? d.effect / d.threshold : 1)));
  return (
    <Table
      caption={t("work.by_sensor")}
      rows={rows}
      id={(d) => d.subject}
      columns={[
        { id: "sensor", head: t("work.sensor"), cell: (d) => d.subject, by: (d) => d.subject },
        { id: "test", head: t("work.test_name"), cell: (d) => testName(d.test) },
        { id: "bar", head: t("work.against_threshold"), cell: (d) => <div class="bullet"><Against value={d.effect} bound={d.threshold} most={most} /><span>{figure(d.effect)} <span class="dim">{t("work.over", { bound: figure(d.threshold) })}</span></span></div>, by: (d) => d.effect },
        { id: "n", head: t("work.reports"), cell: (d) => d.n, by: (d) => d.n, end: true },
        { id: "at", head: t("work.strongest_at"), cell: (d) => `${d.site} / ${d.line}` },
      ]}
    />
  );
}

export default function Drifts() {
  const only = place.value.query.get("model") ?? "";
  const list = useResource<{ drifts: Drift[] }>("/drifts", { query: { limit: 500 }, on: ["drift.", "campaign."] });
  const campaigns = useResource<{ campaigns: Work[] }>("/campaigns", { query: { limit: 200 }, on: ["campaign.", "rollout."] });
  const models = useResource<{ models: Model[] }>("/models", { on: ["model.", "alias."] });
  const alerts = useAlerts();
  const whole = session.value?.sites.length === 0;
  const all = list.data?.drifts;
  const ks = campaigns.data?.campaigns;
  const ms = models.data?.models;
  if (!all || !ks || !ms)
    return (
      <div class="page">
        <Head title={t("work.drifts")} />
        <div class="panel">{list.error || campaigns.error || models.error ? <Failed error={list.error || campaigns.error || models.error} retry={list.reload} /> : <Loading />}</div>
      </div>
    );
  const shown = only ? all.filter((d) => d.model === only) : all;
  const waiting = ks.filter((k) => k.asks && byDrift(k) && (!only || k.model === only));
  const running = ks.filter((k) => k.state === "RUNNING" && byDrift(k) && (!only || k.model === only));
  const open = new Set(all.filter((d) => isOpen(d, ms)).map((d) => d.model));
  const looked = ms.filter((m) => m.production && (only ? m.name === only : open.has(m.name) || ms.length <= 3));
  const again = (): void => {
    list.reload();
    campaigns.reload();
  };
  return (
    <div class="page">
      <Head
        title={t("work.drifts")}
        under={
          <>
            <span>{t("work.n_ask", { n: waiting.length })}</span>
            <span>{t("work.n_open_reports", { n: shown.filter((d) => isOpen(d, ms)).length })}</span>
            {running.map((k) => (
              <a key={k.id} href={"/campaigns/" + k.id}>
                {t("work.campaign_runs", { id: String(k.id) })}
              </a>
            ))}
          </>
        }
      >
        {ms.length > 1 && (
          <select class="filter" aria-label={t("work.model")} value={only} onChange={(e) => setQuery({ model: e.currentTarget.value })}>
            <option value="">{t("work.all_models")}</option>
            {ms.map((m) => (
              <option key={m.name}>{m.name}</option>
            ))}
          </select>
        )}
      </Head>
      {waiting.map((k) => (
        <Asks key={k.id} k={k} drifts={all} alerts={alerts} after={again} />
      ))}
      {waiting.length === 0 && (
        <div class="panel">
          <div class="notice ok">
            <Icon name="ok" />
            <div>
              <strong>{t("work.nothing_asks")}</strong>
              {t("work.nothing_asks_help")}
            </div>
          </div>
        </div>
      )}
      {whole && looked.map((m) => <ModelTriage key={m.name} model={m.name} />)}
      <Panel title={t("work.reports")} actions={<span class="dim">{t("work.n_reports", { n: shown.length })}</span>}>
        {shown.length > 2 && (
          <div class="inside">
            <ProofsOverTime title={t("work.over_time")} drifts={shown} />
          </div>
        )}
        <Table
          caption={t("work.reports")}
          rows={shown}
          page={25}
          id={(d) => `${d.site} ${d.line} ${d.time_ms} ${d.test} ${d.subject}`}
          empty={<Empty title={t("work.no_reports")}>{t("work.no_reports_help")}</Empty>}
          columns={[
            { id: "time", head: t("work.reported"), cell: (d) => <Time ms={d.time_ms} />, by: (d) => -d.time_ms },
            { id: "where", head: t("work.where"), cell: (d) => <a class="nowrap" href={to("/sites/:name", { name: d.site })}>{d.site} / {d.line}</a>, by: (d) => d.site + d.line },
            { id: "what", head: t("work.what_drifts"), cell: (d) => <div><strong>{subjectName(d.subject)}</strong> <Direction sign={d.sign} /><div class="dim small">{testName(d.test)}</div></div>, by: (d) => d.subject },
            { id: "effect", head: t("work.against_threshold"), cell: (d) => <div class="bullet"><Against value={d.effect} bound={d.threshold} most={4} /><span>{figure(d.effect)} <span class="dim">{t("work.over", { bound: figure(d.threshold) })}</span> <strong>{times(d.effect, d.threshold)}</strong></span></div>, by: (d) => -d.effect / (d.threshold || 1) },
            { id: "model", head: t("work.model"), cell: (d) => <><a href={to("/models/:name", { name: d.model })}>{d.model}</a> <Hash hash={d.version} n={8} href={d.version ? "/versions/" + d.version : undefined} /></>, by: (d) => d.model },
            {
              id: "answer",
              head: t("work.answered"),
              cell: (d) => {
                const k = ks.find((x) => x.id === d.campaign);
                if (isOpen(d, ms)) return <State tone="wait">{t("work.open")}</State>;
                if (d.campaign === 0) return <State tone="idle" title={t("work.outdated_help")}>{t("work.outdated")}</State>;
                return (
                  <span class="row">
                    <a href={"/campaigns/" + d.campaign}>{t("work.campaign_n", { id: String(d.campaign) })}</a>
                    {k && <CampaignState state={k.state} reason={k.reason} />}
                  </span>
                );
              },
              by: (d) => -d.campaign,
            },
          ]}
        />
      </Panel>
      {shown.some((d) => d.subject !== "score") && (
        <Panel title={t("work.by_sensor")} actions={<span class="dim small">{t("work.by_sensor_help")}</span>}>
          <BySensor drifts={shown} />
        </Panel>
      )}
    </div>
  );
}
