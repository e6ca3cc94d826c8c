// One rollout, live: its stages as a strip, what it waits for, how long sites still soak, and who did what to it.
import { now } from "../base/clock.ts";
import { duration, percent } from "../base/format.ts";
import { t, word, type Key } from "../base/i18n.ts";
import { to, type Params } from "../base/router.ts";
import type { Model } from "../base/shapes.ts";
import { useResource } from "../shell/session.ts";
import { Bar, Facts, Failed, Hash, Head, Loading, Panel, State, Time, When } from "../ui/bits.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { rolloutVerbs, Shares } from "./rollout_parts.tsx";
import { rolloutTone, Said, targetTone, Verbs } from "./work.tsx";
import type { Journal, RolloutAnswer } from "./work_shapes.ts";

type Site = NonNullable<RolloutAnswer["sites"]>[number];

const over = (r: RolloutAnswer): boolean => r.ended_ms > 0;

/** ms that a site still has to run the version; undefined: it does not soak. */
function soakLeft(r: RolloutAnswer, s: Site): number | undefined {
  if (s.state !== "RUNNING" || !r.rules || over(r)) return undefined;
  return Math.max(0, s.since_ms + r.rules.soak_ms - now.value);
}

function stageState(r: RolloutAnswer, i: number): "done" | "now" | "waits" | "next" | "failed" | "never" {
  const s = r.stages[i]!;
  const at = r.stage - 1;
  if (over(r)) return s.open ? (r.state === "DONE" ? "done" : "failed") : "never";
  if (i < at) return "done";
  if (i > at) return "next";
  if (r.state === "PAUSED" || r.waits_for !== "nothing") return "waits";
  return "now";
}

const icons: Record<string, IconName> = { done: "ok", now: "busy", waits: "wait", next: "idle", failed: "back", never: "idle" };

function Stages({ r }: { r: RolloutAnswer }) {
  return (
    <ol class="stages" aria-label={t("work.stages")}>
      {r.stages.map((s, i) => {
        const state = stageState(r, i);
        const left = (r.sites ?? []).filter((x) => x.stage === i + 1).map((x) => soakLeft(r, x)).filter((x): x is number => x !== undefined);
        const longest = left.length ? Math.max(...left) : undefined;
        return (
          <li key={i} class={"panel " + state} aria-current={state === "now" || state === "waits" ? "step" : undefined}>
            <header>
              <Icon name={icons[state]!} />
              <strong>{r.at_once ? t("work.at_once") : t("work.stage_n", { n: i + 1 })}</strong>
              <span class="dim small">{t("work.stage_spec", { spec: s.stage, n: s.sites })}</span>
            </header>
            <Shares stages={[s]} />
            <p class="small dim">
              {longest !== undefined
                ? longest > 0
                  ? t("work.soak_left", { left: duration(longest) })
                  : t("work.soak_over")
                : state === "waits"
                  ? r.state === "PAUSED"
                    ? word("work.rollout", "PAUSED")
                    : word("work.waits_for", r.waits_for)
                  : t(`work.step_${state}` as Key)}
            </p>
          </li>
        );
      })}
    </ol>
  );
}

function Sites({ r }: { r: RolloutAnswer }) {
  return (
    <Panel title={t("work.sites_of")}>
      <Table
        caption={t("work.sites_of")}
        rows={r.sites ?? []}
        page={50}
        id={(s) => s.site}
        columns={[
          { id: "site", head: t("work.site"), cell: (s) => <a href={to("/sites/:name", { name: s.site })}>{s.site}</a>, by: (s) => s.site },
          { id: "stage", head: t("work.stage"), cell: (s) => s.stage, by: (s) => s.stage, end: true },
          { id: "state", head: t("work.state"), cell: (s) => <State tone={targetTone[s.state] ?? "idle"} title={s.reason}>{word("work.target", s.state)}</State>, by: (s) => s.state },
          { id: "since", head: t("work.since"), cell: (s) => (s.since_ms ? <Time ms={s.since_ms} /> : "–"), by: (s) => -s.since_ms },
          {
            id: "soak",
            head: t("work.soak"),
            cell: (s) => {
              const left = soakLeft(r, s);
              if (left === undefined) return <span class="dim">–</span>;
              return (
                <span class="quorum">
                  <Bar share={r.rules!.soak_ms ? 1 - left / r.rules!.soak_ms : 1} label={t("work.soak")} />
                  <span class="small">{left > 0 ? t("work.soak_left", { left: duration(left) }) : s.watches ? t("work.watches") : t("work.soak_over")}</span>
                </span>
              );
            },
            by: (s) => soakLeft(r, s),
          },
          ...(over(r) ? [{ id: "now", head: t("work.runs_now"), cell: (s: Site) => (s.lines ?? []).map((l) => <div key={l.line}><span class="dim">{l.line}</span> <Hash hash={l.version} n={8} href={l.version ? "/versions/" + l.version : undefined} /></div>) }] : []),
          { id: "reason", head: t("work.reason"), cell: (s) => <Said text={s.reason} /> },
        ]}
      />
    </Panel>
  );
}

function Rules({ r }: { r: RolloutAnswer }) {
  const x = r.rules;
  if (!x) return null;
  return (
    <Panel title={t("work.rules")}>
      <div class="inside">
        <Facts
          rows={[
            [t("work.rule_soak"), duration(x.soak_ms)],
            [t("work.rule_success"), t("work.rule_success_is", { share: percent(x.success) })],
            [t("work.rule_error"), t("work.rule_error_is", { share: percent(x.error) })],
            [t("work.rule_reporting"), t("work.rule_reporting_is", { share: x.reporting, time: duration(x.deadline_ms) })],
            [t("work.rule_window"), x.window || t("work.always")],
            [t("work.rule_approve"), word("work.approve_stages", x.approve)],
          ]}
        />
      </div>
    </Panel>
  );
}

/** Who did what, and why: from the journal. */
function Story({ r }: { r: RolloutAnswer }) {
  const journal = useResource<Journal>("/journal", { query: { subject: r.model, since: r.opened_ms - 1, limit: 1000, ...(over(r) ? { until: r.ended_ms + 1000 } : {}) }, on: ["rollout."] });
  const own = (journal.data?.records ?? []).filter((x) => x.kind.startsWith("rollout.") && x.body?.id === r.id).reverse();
  if (own.length === 0) return null;
  return (
    <Panel title={t("work.story")}>
      <Table
        caption={t("work.story")}
        rows={own}
        page={25}
        id={(x) => String(x.seq)}
        columns={[
          { id: "time", head: t("work.when"), cell: (x) => <When ms={x.time_ms} /> },
          { id: "who", head: t("work.who"), cell: (x) => x.actor },
          { id: "what", head: t("work.what"), cell: (x) => <Said text={x.line.replace(/^\S+ \S+ +(rollout \d+ of model \S+: )?/, "")} /> },
        ]}
      />
    </Panel>
  );
}

export default function RolloutScreen({ params }: { params: Params }) {
  const answer = useResource<{ rollout: RolloutAnswer }>("/rollouts/" + params.id, { on: ["rollout.", "site.report", "site.live", "release."], every: 5000 });
  const r = answer.data?.rollout;
  const model = useResource<{ model: Model }>(r ? "/models/" + encodeURIComponent(r.model) : null, { on: ["alias."] });
  const crumbs: [string, string][] = [["/rollouts", t("work.rollouts")]];
  if (!r)
    return (
      <div class="page">
        <Head title={t("work.rollout_n", { id: params.id ?? "" })} crumbs={crumbs} />
        <div class="panel">{answer.error ? <Failed error={answer.error} retry={answer.reload} /> : <Loading />}</div>
      </div>
    );
  const failed = r.stages.reduce((n, s) => n + s.failed, 0);
  const tone = r.state === "PAUSED" || failed > 0 || r.state === "ROLLED_BACK" ? "bad" : r.waits_for !== "nothing" ? "wait" : "busy";
  return (
    <div class="page">
      <Head
        title={t("work.rollout_n", { id: String(r.id) })}
        crumbs={crumbs}
        under={
          <>
            <State tone={rolloutTone[r.state] ?? "busy"}>{word("work.rollout", r.state)}</State>
            <a href={to("/models/:name", { name: r.model })}>{r.model}</a>
            <span>
              <Hash hash={r.version} href={"/versions/" + r.version} /> {r.from && <>{t("work.in_place_of")} <Hash hash={r.from} href={"/versions/" + r.from} /></>}
            </span>
            {r.campaign > 0 && <a href={"/campaigns/" + r.campaign}>{t("work.campaign_n", { id: String(r.campaign) })}</a>}
            <span>
              {t("work.opened")} <Time ms={r.opened_ms} />
            </span>
          </>
        }
      >
        <Verbs verbs={rolloutVerbs(r, model.data?.model.production)} after={answer.reload} />
      </Head>
      {(r.waiting || r.reason) && (
        <div class={"panel callout " + (over(r) && r.state !== "ROLLED_BACK" ? "" : tone)}>
          <Icon name={over(r) ? (r.state === "DONE" ? "ok" : "back") : tone} />
          <div>
            <strong>{over(r) ? t("work.outcome_name") : r.waits_for === "nothing" ? t(r.state === "PAUSED" ? "work.paused_because" : "work.now") : word("work.waits_for", r.waits_for)}</strong>
            <div>
              <Said text={over(r) ? r.reason || r.waiting : r.waiting || r.reason} />
            </div>
            {!over(r) && (r.deadline_ms ?? 0) > 0 && (
              <div class="dim small">
                {t("work.deadline")} <Time ms={r.deadline_ms} />
              </div>
            )}
          </div>
          {r.waits_for === "signature" && (
            <a class="button" href="/releases">
              {t("work.go_release")}
            </a>
          )}
        </div>
      )}
      <Stages r={r} />
      <Sites r={r} />
      <Rules r={r} />
      <Story r={r} />
    </div>
  );
}
