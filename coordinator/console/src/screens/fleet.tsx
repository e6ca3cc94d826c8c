// The first screen: what needs a person now, what runs by itself, and all sites.
import { useEffect, useState } from "preact/hooks";
import { now, serverTime } from "../base/clock.ts";
import { shortHashes } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { place, setQuery, to } from "../base/router.ts";
import type { Campaign, Drift, FleetLine, Proposal, Roster, Site, Status } from "../base/shapes.ts";
import { can, cutSince, session, useResource } from "../shell/session.ts";
import { Bar, Bytes, Empty, Failed, Hash, Head, Loading, Panel, Said, State, Time } from "../ui/bits.tsx";
import { Icon } from "../ui/icon.tsx";
import { Spark } from "../ui/spark.tsx";
import { Table } from "../ui/table.tsx";
import { byDay, type DayCount } from "./counts.ts";
import { Models } from "./models_table.tsx";
import { goOf, isShown, needs, type Seen, type Show } from "./needs.ts";
import { SiteState } from "./site_state.tsx";
import "./fleet.css";

const SHOWS: Show[] = ["asking", "silent", "bare"];
const KINDS = ["site.", "campaign.", "round.opened", "round.ended", "rollout.", "release.", "roster.", "alias.", "drift.", "alarm.", "model."];

function Needs(seen: Seen) {
  const list = needs(seen, now.value);
  return (
    <Panel title={t("console.needs")} actions={list.length > 0 ? <span class="dim">{t("console.needs_n", { n: list.length })}</span> : undefined}>
      {list.length === 0 && cutSince() ? (
        <Empty title={t("console.needs_unknown")} />
      ) : list.length === 0 ? (
        <div class="notice ok calm">
          <Icon name="ok" />
          <div>
            <strong>{t("console.needs_nothing")}</strong>
            {t("console.needs_nothing_help")}
          </div>
        </div>
      ) : (
        <ul class="needs">
          {list.map((n) => {
            const verb = goOf(n, can);
            return (
              <li key={n.id} class={n.tone}>
                <Icon name={n.tone} />
                <div class="what">
                  <strong>{t(n.title, n.values)}</strong>
                  {n.detail && <span class="dim"><Said>{shortHashes(n.detail)}</Said></span>}
                </div>
                {n.since_ms !== undefined && (
                  <span class="dim since">
                    <Time ms={n.since_ms} />
                  </span>
                )}
                {verb && (
                  <a class="button" href={n.href}>
                    {t(verb)}
                    <span class="unseen">: {t(n.title, n.values)}</span>
                  </a>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </Panel>
  );
}

function Running({ status }: { status: Status }) {
  const running = status.campaigns.filter((k) => k.state === "RUNNING");
  if (status.rounds.length + running.length + status.rollouts.length === 0) return null;
  return (
    <Panel title={t("console.running")}>
      <ul class="running">
        {running.map((k) => (
          <li key={"k" + k.id}>
            <Icon name="campaign" />
            <a href={"/campaigns/" + k.id}>{t("console.campaign_of", { id: String(k.id), model: k.model })}</a>
            <Bar share={k.steps ? k.step / k.steps : 0} label={t("console.campaign_progress", { n: k.step, all: k.steps })} />
            <span class="dim"><Said>{k.waiting || k.trigger}</Said></span>
          </li>
        ))}
        {status.rounds.map((r) => (
          <li key={"r" + r.id}>
            <Icon name="round" />
            <a href={"/rounds/" + r.id}>{t("console.round_of", { id: String(r.id), kind: word("console.kind", r.kind) })}</a>
            <Bar share={r.cohort ? r.delivered / r.cohort : 0} label={t("console.round_progress", { n: r.delivered, all: r.cohort ?? 0 })} />
            <span class="dim"><Said>{r.waiting}</Said></span>
          </li>
        ))}
        {status.rollouts.map((r) => {
          const all = r.stages.reduce((n, s) => n + s.sites, 0);
          const fine = r.stages.reduce((n, s) => n + s.fine, 0);
          return (
            <li key={"o" + r.id}>
              <Icon name="rollout" />
              <a href={"/rollouts/" + r.id}>{t("console.rollout_of", { id: String(r.id), model: r.model })}</a>
              <Bar share={all ? fine / all : 0} label={t("console.rollout_progress", { n: fine, all })} />
              <span class="dim"><Said>{r.waiting}</Said></span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

function LinesOf({ site, fleet }: { site: Site; fleet: FleetLine[] }) {
  const rows = fleet.filter((f) => f.site === site.name);
  const live = (site.lines ?? []).filter((l) => !rows.some((r) => r.line === l.line));
  if (rows.length + live.length === 0) return <span class="dim">–</span>;
  return (
    <ul class="lines">
      {rows.map((l) => (
        <li key={l.line}>
          <span class="line">{l.line}</span>
          <a href={to("/models/:name", { name: l.model })}>{l.model}</a>
          <Hash hash={l.reported} n={8} href={l.reported ? "/versions/" + l.reported : undefined} />
          {l.differs ? <State tone={l.reason ? "bad" : "busy"} title={l.reason}>{t("console.should_run", { version: (l.desired ?? "–").slice(0, 8) })}</State> : <State tone="ok">{t("console.as_desired")}</State>}
        </li>
      ))}
      {live.map((l) => (
        <li key={l.line}>
          <span class="line">{l.line}</span>
          <span>{l.model}</span>
          <State tone="warn">{t("console.no_version")}</State>
        </li>
      ))}
    </ul>
  );
}

const DAYS = 14;

function Sites({ sites, fleet }: { sites: Site[]; fleet: FleetLine[] }) {
  const counts = useResource<{ counts: DayCount[]; next?: number }>("/alarms/counts", { query: { limit: 1000 }, on: ["alarm."], every: 60_000 });
  const days = byDay(counts.data?.counts ?? [], DAYS, Date.now(), counts.data?.next !== undefined);
  const none = new Array<number>(DAYS).fill(0);
  const alarmsOf = (s: Site): number[] => days.get(s.name) ?? none;
  const sum = (s: Site): number => alarmsOf(s).reduce((a, b) => a + b, 0);
  const [filter, setFilter] = useState("");
  const [all, setAll] = useState(false);
  const away = sites.filter((s) => s.status === "denied" || s.status === "revoked").length;
  const text = filter.trim().toLowerCase();
  const show = SHOWS.find((x) => x === place.value.query.get("show"));
  const shown = sites
    .filter((s) => !show || isShown(show, s, now.value))
    .filter((s) => all || (s.status !== "denied" && s.status !== "revoked"))
    .filter((s) => !text || s.name.includes(text) || (s.lines ?? []).some((l) => l.line.includes(text) || l.model.includes(text)));
  return (
    <Panel
      title={t("console.sites")}
      actions={
        <>
          {show && (
            <button type="button" onClick={() => setQuery({ show: undefined })}>
              {t(`console.show_${show}`, { n: shown.length })}
              <Icon name="close" />
              <span class="unseen">{t("console.show_all")}</span>
            </button>
          )}
          {sites.length > 8 && <input class="find" type="search" aria-label={t("console.find_site")} placeholder={t("console.find_site")} value={filter} onInput={(e) => setFilter(e.currentTarget.value)} />}
          {away > 0 && (
            <label class="row small">
              <input type="checkbox" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
              {t("console.show_away", { n: away })}
            </label>
          )}
          {can("administrator") && (
            <a class="button" href="/enrol">
              <Icon name="key" />
              {t("console.enrol")}
            </a>
          )}
        </>
      }
    >
      <Table
        caption={t("console.sites")}
        rows={shown}
        id={(s) => s.name}
        sort="name"
        empty={<Empty title={t("console.no_sites")}>{can("administrator") && <a href="/enrol">{t("console.no_sites_help")}</a>}</Empty>}
        columns={[
          { id: "name", head: t("console.site"), cell: (s) => <a href={to("/sites/:name", { name: s.name })}>{s.name}</a>, by: (s) => s.name },
          { id: "state", head: t("console.state"), cell: (s) => <SiteState site={s} />, by: (s) => s.status + (s.connected ? "0" : "1") },
          { id: "lines", head: t("console.lines_versions"), cell: (s) => <LinesOf site={s} fleet={fleet} /> },
          { id: "doing", head: t("console.doing"), cell: (s) => (s.connected && s.state ? word("console.doing", s.state) : <span class="dim">–</span>), by: (s) => s.state },
          {
            id: "alarms",
            head: t("console.alarms_days", { n: DAYS }),
            cell: (s) =>
              s.status === "approved" && (
                <span class="nowrap">
                  <Spark values={alarmsOf(s)} label={t("console.alarms_each", { n: DAYS, list: alarmsOf(s).join(", ") })} /> {sum(s)}
                </span>
              ),
            by: sum,
            end: true,
          },
          { id: "bytes", head: t("console.received"), cell: (s) => <Bytes n={s.bytes_received} />, by: (s) => s.bytes_received, end: true },
          { id: "seen", head: t("console.seen"), cell: (s) => <Time ms={s.seen_ms} />, by: (s) => -(s.seen_ms ?? 0) },
        ]}
      />
    </Panel>
  );
}

export default function Fleet() {
  const status = useResource<Status>("/status", { on: KINDS, every: 5000 });
  const fleet = useResource<{ fleet: FleetLine[] }>("/fleet", { on: ["site.", "alias.", "rollout."], every: 15_000 });
  const drifts = useResource<{ drifts: Drift[] }>("/drifts", { query: { limit: 100 }, on: ["drift.", "campaign."] });
  const campaigns = useResource<{ campaigns: Campaign[] }>("/campaigns", { query: { limit: 20 }, on: ["campaign."] });
  const whole = session.value?.sites.length === 0;
  const roster = useResource<Roster>(whole ? "/roster" : null, { on: ["roster.", "site."] });
  const proposals = useResource<{ proposals: Proposal[] }>(whole ? "/proposals" : null, { on: ["proposal."] });
  const s = status.data;
  const at = s?.coordinator.now_ms;
  useEffect(() => {
    if (at) serverTime(at);
  }, [at]);
  if (!s)
    return (
      <div class="page">
        <Head title={t("console.fleet")} />
        <div class="panel">{status.error ? <Failed error={status.error} retry={status.reload} /> : <Loading />}</div>
      </div>
    );
  const admitted = s.sites.filter((x) => x.status === "approved");
  return (
    <div class="page">
      <Head
        title={t("console.fleet")}
        under={
          <>
            <span>{t("console.n_connected", { n: admitted.filter((x) => x.connected).length, all: admitted.length })}</span>
            <span>{t("console.n_lines", { n: admitted.reduce((n, x) => n + (x.lines?.length ?? 0), 0) })}</span>
            <span>
              {t("console.up_since")} <Time ms={s.coordinator.started_ms} />
            </span>
            {!s.root.protected && <State tone="warn" title={t("console.root_online_help")}>{t("console.root_online")}</State>}
          </>
        }
      />
      <Needs status={s} fleet={fleet.data?.fleet ?? []} roster={roster.data} drifts={drifts.data?.drifts ?? []} campaigns={campaigns.data?.campaigns} proposals={proposals.data?.proposals} me={session.value?.user} />
      <Running status={s} />
      <Sites sites={s.sites} fleet={fleet.data?.fleet ?? []} />
      <Models models={s.models} />
    </div>
  );
}
