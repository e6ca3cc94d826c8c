// One round, live: its phases, who has answered and who is awaited, what can be read of a single site, and its replay.
import { useState } from "preact/hooks";
import { now } from "../base/clock.ts";
import { duration, figure } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { to, type Params } from "../base/router.ts";
import { api, useResource } from "../shell/session.ts";
import { Bar, Bytes, Duration, Facts, Failed, Hash, Head, Loading, Panel, State, Time, told, When, type Tone } from "../ui/bits.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { mayAll, roundTone, Said, Strip, type Step } from "./work.tsx";
import type { RoundAnswer } from "./work_shapes.ts";

const SECURE = ["INVITING", "SHARING", "COLLECTING", "SIGNING", "REVEALING", "SUMMING", "COMMITTED"];
const TRUSTED = ["INVITING", "COLLECTING", "SUMMING", "COMMITTED"];

const isSecure = (r: RoundAnswer): boolean => (r.protection ?? "").startsWith("secure sum") || r.events.some((e) => e.event === "secure");
const isOver = (r: RoundAnswer): boolean => r.state === "COMMITTED" || r.state === "ABORTED";

export function phases(r: RoundAnswer): Step[] {
  const all = isSecure(r) ? SECURE : TRUSTED;
  const aborted = r.state === "ABORTED";
  // An aborted round ended in the phase that its last event belongs to, as far as that can be told.
  const got = r.events.some((e) => e.event === "update") ? "COLLECTING" : "INVITING";
  const at = all.indexOf(aborted ? got : r.state);
  return all.map((s, i) => ({
    name: word("work.roundstate", s),
    state: r.state === "COMMITTED" || i < at ? "done" : i === at ? (aborted ? "failed" : "now") : aborted ? "never" : "next",
    detail: s === "COLLECTING" && r.cohort ? t("work.n_delivered", { n: r.delivered, all: r.cohort }) : "",
  }));
}

interface Who {
  site: string;
  state: string;
  connected?: boolean;
  phase?: string;
  fraction?: number;
  eta_ms?: number;
  accepted?: number;
  delivered?: number;
  messages: number;
  reason: string;
}

const whoTone: Record<string, Tone> = { delivered: "ok", accepted: "busy", invited: "wait", refused: "warn", "left out": "warn" };

/** Of an open round the coordinator says who is where; of one that ended its events do. */
export function people(r: RoundAnswer): Who[] {
  const by = new Map<string, Who>();
  for (const m of r.members ?? []) by.set(m.site, { ...m, messages: 0, reason: "" });
  for (const e of r.events) {
    if (!e.site) continue;
    let w = by.get(e.site);
    if (!w) by.set(e.site, (w = { site: e.site, state: "invited", messages: 0, reason: "" }));
    const listed = r.members?.some((m) => m.site === e.site);
    if (e.event === "accept") w.accepted = e.at;
    if (e.event === "update") w.delivered = e.at;
    if (e.event === "secure") w.messages++;
    if (e.reason) w.reason = e.reason;
    if (!listed && e.event === "accept") w.state = "accepted";
    if (!listed && e.event === "refuse") w.state = "refused";
    if (!listed && e.event === "update") w.state = "delivered";
  }
  for (const w of by.values()) if (!r.members && w.state === "accepted") w.state = "left out";
  return [...by.values()].sort((a, b) => a.site.localeCompare(b.site));
}

/** From the opening to now or the end: when a site answered and when it delivered. */
function TimeLine({ r, w }: { r: RoundAnswer; w: Who }) {
  const end = r.ended_ms ?? now.value;
  const span = Math.max(1, end - r.opened_ms);
  const at = (ms: number): string => Math.min(100, Math.max(0, ((ms - r.opened_ms) / span) * 100)) + "%";
  return (
    <span class="course" aria-hidden="true">
      {w.accepted && <i style={{ left: at(w.accepted), right: `calc(100% - ${at(w.delivered ?? end)})` }} class={w.delivered ? "" : "open"} />}
      {w.accepted && <b style={{ left: at(w.accepted) }} />}
      {w.delivered && <b class="full" style={{ left: at(w.delivered) }} />}
    </span>
  );
}

function Sites({ r }: { r: RoundAnswer }) {
  const rows = people(r);
  const after = (ms: number | undefined) => (ms ? <span class="nowrap">{duration(Math.max(0, ms - r.opened_ms))}</span> : <span class="dim">–</span>);
  const awaited = (w: Who) => {
    if (isOver(r)) return w.reason ? <Said text={w.reason} /> : "";
    if (w.state === "refused" || w.state === "left out") return <Said text={w.reason} />;
    if (w.state === "delivered") return t("work.has_delivered");
    if (w.connected === false) return t("work.not_connected");
    if (w.phase)
      return (
        <span class="quorum">
          <Bar share={w.fraction ?? 0} label={w.phase} />
          <span class="small">
            {word("work.phase", w.phase)}
            {w.eta_ms ? ", " + t("work.eta", { time: duration(w.eta_ms) }) : ""}
          </span>
        </span>
      );
    return t(w.state === "invited" ? "work.awaits_answer" : "work.awaits_update");
  };
  return (
    <Panel title={t("work.who_takes_part")} actions={<span class="dim">{t("work.n_delivered", { n: r.delivered, all: r.cohort ?? rows.length })}</span>}>
      <Table
        caption={t("work.who_takes_part")}
        rows={rows}
        page={60}
        id={(w) => w.site}
        columns={[
          { id: "site", head: t("work.site"), cell: (w) => <a href={to("/sites/:name", { name: w.site })}>{w.site}</a>, by: (w) => w.site },
          { id: "state", head: t("work.state"), cell: (w) => <State tone={whoTone[w.state] ?? "idle"}>{word("work.member", w.state)}</State>, by: (w) => w.state },
          { id: "why", head: t(isOver(r) ? "work.reason" : "work.awaited_for"), cell: awaited },
          { id: "line", head: t("work.course"), cell: (w) => <TimeLine r={r} w={w} /> },
          { id: "accepted", head: t("work.answered_after"), cell: (w) => after(w.accepted), by: (w) => w.accepted, end: true },
          { id: "delivered", head: t("work.delivered_after"), cell: (w) => after(w.delivered), by: (w) => w.delivered, end: true },
          ...(isSecure(r) ? [{ id: "messages", head: t("work.exchanges"), cell: (w: Who) => w.messages, by: (w: Who) => w.messages, end: true }] : []),
        ]}
      />
    </Panel>
  );
}

function Protection({ r }: { r: RoundAnswer }) {
  const secure = isSecure(r);
  return (
    <Panel title={t("work.protection")} actions={<State tone={secure ? "ok" : "warn"}>{t(secure ? "work.secure_sum" : "work.trusted")}</State>}>
      <div class="inside stack4">
        <p>{t(secure ? "work.secure_means" : "work.trusted_means")}</p>
        {r.protection && (
          <p class="dim small">
            <Said text={r.protection} />
          </p>
        )}
        <Facts
          rows={[
            [t("work.epsilon"), r.privacy.epsilon === undefined ? t("work.no_epsilon") : t("work.epsilon_of", { epsilon: figure(r.privacy.epsilon), delta: String(r.privacy.delta), unit: word("work.unit", r.privacy.unit) })],
            ...(r.privacy.noise !== undefined ? ([[t("work.noise_multiplier"), figure(r.privacy.noise)]] as [string, string][]) : []),
            ...(r.groups ? ([[t("work.groups"), String(r.groups)]] as [string, string][]) : []),
          ]}
        />
        <p class="dim small">
          <Said text={r.privacy.text} />
        </p>
      </div>
    </Panel>
  );
}

interface ReplayAnswer {
  running?: boolean;
  same?: boolean;
  result?: string;
  recorded?: string;
}

/** Whether what was received gives the same bits again: for who does not want to believe it. */
function Replay({ r }: { r: RoundAnswer }) {
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<ReplayAnswer>();
  const [wrong, setWrong] = useState<string>();
  async function run(): Promise<void> {
    setBusy(true);
    setWrong(undefined);
    setAnswer(undefined);
    try {
      let a: ReplayAnswer;
      do a = await api.post<ReplayAnswer>(`/rounds/${r.id}/replay`);
      while (a.running);
      setAnswer(a);
    } catch (e) {
      setWrong(told(e));
    }
    setBusy(false);
  }
  return (
    <Panel
      title={t("work.replay")}
      actions={
        mayAll("engineer") ? (
          <button type="button" disabled={busy} onClick={() => void run()}>
            <Icon name="busy" />
            {t(busy ? "base.working" : "work.replay_do")}
          </button>
        ) : undefined
      }
    >
      <div class="inside stack4" aria-live="polite">
        <p class="dim">{t("work.replay_help")}</p>
        {wrong && (
          <State tone="bad">
            <Said text={wrong} />
          </State>
        )}
        {answer && (
          <div class="row">
            <State tone={answer.same ? "ok" : "bad"}>{t(answer.same ? "work.replay_same" : "work.replay_other")}</State>
            <Hash hash={answer.result} n={16} />
            {!answer.same && (
              <span class="dim">
                {t("work.replay_recorded")} <Hash hash={answer.recorded} n={16} />
              </span>
            )}
          </div>
        )}
      </div>
    </Panel>
  );
}

function Events({ r }: { r: RoundAnswer }) {
  return (
    <Panel title={t("work.events")} actions={<span class="dim">{r.events.length}</span>}>
      <Table
        caption={t("work.events")}
        rows={r.events.map((e, i) => ({ ...e, i }))}
        page={12}
        id={(e) => String(e.i)}
        columns={[
          { id: "at", head: t("work.after_opening"), cell: (e) => <span class="nowrap">{duration(Math.max(0, e.at - r.opened_ms))}</span>, by: (e) => e.at },
          { id: "site", head: t("work.site"), cell: (e) => e.site ?? <span class="dim">–</span>, by: (e) => e.site },
          { id: "what", head: t("work.what"), cell: (e) => word("work.event", e.event), by: (e) => e.event },
          { id: "hash", head: t("work.fingerprint"), cell: (e) => <Hash hash={e.hash} /> },
          { id: "reason", head: t("work.reason"), cell: (e) => (e.staleness !== undefined ? t("work.stale_by", { n: e.staleness }) + " " : "") + (e.reason ?? "") },
        ]}
      />
    </Panel>
  );
}

export default function RoundScreen({ params }: { params: Params }) {
  const answer = useResource<{ round: RoundAnswer }>("/rounds/" + params.id, { on: ["round."], every: 3000 });
  const r = answer.data?.round;
  const crumbs: [string, string][] = [["/rounds", t("work.rounds")]];
  if (!r)
    return (
      <div class="page">
        <Head title={t("work.round_n", { id: params.id ?? "" })} crumbs={crumbs} />
        <div class="panel">{answer.error ? <Failed error={answer.error} retry={answer.reload} /> : <Loading />}</div>
      </div>
    );
  const f = r.figures;
  const made = r.kind === "train" && r.result;
  return (
    <div class="page">
      <Head
        title={t("work.round_n", { id: String(r.id) })}
        crumbs={crumbs}
        under={
          <>
            <State tone={roundTone[r.state] ?? "busy"}>{word("work.roundstate", r.state)}</State>
            <span>{word("work.round", r.kind)}</span>
            <a href={to("/models/:name", { name: r.model })}>{r.model}</a>
            <a href={"/campaigns/" + r.campaign}>{t("work.campaign_n", { id: String(r.campaign) })}</a>
            <span>
              {t("work.opened")} <Time ms={r.opened_ms} />
            </span>
            {r.ended_ms && (
              <span>
                {t("work.took")} <Duration ms={r.ended_ms - r.opened_ms} />
              </span>
            )}
          </>
        }
      />
      {!isOver(r) && (
        <div class="panel callout busy">
          <Icon name="busy" />
          <div>
            <strong>{t("work.waits")}</strong>
            <div>
              <Said text={r.waiting} />
            </div>
            {r.deadline_ms !== undefined && r.deadline_ms > 0 && r.deadline_ms < 1e15 && (
              <div class="dim small">
                {t("work.phase_deadline")} <When ms={r.deadline_ms} />
              </div>
            )}
          </div>
        </div>
      )}
      {r.state === "ABORTED" && (
        <div class="panel callout bad">
          <Icon name="bad" />
          <div>
            <strong>{t("work.round_aborted")}</strong>
            <div>
              <Said text={r.reason} />
            </div>
          </div>
        </div>
      )}
      <Strip label={t("work.phases")} steps={phases(r)} />
      <Panel title={t("work.figures")}>
        <div class="inside">
          <Facts
            rows={[
              [t("work.updates"), r.cohort ? t("work.n_of", { n: r.delivered, all: r.cohort }) : String(r.delivered)],
              [t("work.bytes"), <Bytes n={f?.bytes} />],
              ...(r.kind === "train" && f?.loss !== undefined ? ([[t("work.loss"), figure(f.loss)]] as [string, string][]) : []),
              ...(f?.weight ? ([[t("work.weight"), figure(f.weight)]] as [string, string][]) : []),
              ...(f?.clipped !== undefined && r.kind === "train" ? ([[t("work.clipped"), t("work.clipped_of", { n: f.clipped, all: r.delivered })]] as [string, string][]) : []),
              ...(f?.saturated !== undefined && r.kind === "train" ? ([[t("work.saturated"), String(f.saturated)]] as [string, string][]) : []),
              ...(f?.outliers?.length ? ([[t("work.outliers"), f.outliers.map((o) => `${o.site}: ${o.reason}`).join("; ")]] as [string, string][]) : []),
              ...(f?.owing?.length ? ([[t("work.owing"), f.owing.join(", ")]] as [string, string][]) : []),
              ...(r.rule ? ([[t("work.rule"), r.rule]] as [string, string][]) : []),
              ...(r.server_optimiser ? ([[t("work.server_optimiser"), r.server_optimiser]] as [string, string][]) : []),
              [t(made ? "work.made_version" : "work.result"), <Hash hash={r.result} href={made ? "/versions/" + r.result : undefined} />],
              [t("work.plan"), <Hash hash={r.plan} />],
            ]}
          />
        </div>
      </Panel>
      <Sites r={r} />
      <div class="columns">
        <Protection r={r} />
        {r.state === "COMMITTED" && <Replay r={r} />}
      </div>
      <Events r={r} />
    </div>
  );
}
