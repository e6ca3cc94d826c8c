// The site itself: the link, what each line runs and is to run, training, the budget, sinks.
import type { ComponentChildren } from "preact";
import { bytes, duration, figure } from "../base/format.ts";
import { formatNumber, t, word } from "../base/i18n.ts";
import { Bar, Copy, Facts, Failed, Hash, Head, Loading, Panel, State } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { LanguageChoice, ThemeChoice } from "../shell/choices.tsx";
import { asking, logout, name, session, useResource } from "./agent.ts";
import { clockTime, useKept } from "./parts.tsx";
import type { LineStatus, Status } from "./shapes.ts";

interface Journal {
  journal: { time_ms: number; model: string; what: string; version?: string }[];
}

function Runs({ l }: { l: LineStatus }) {
  const next = l.version_next && l.version_next !== l.version;
  const facts: [string, ComponentChildren][] = [
    [t("site.model"), l.model],
    [t("site.version"), l.version ? <Hash hash={l.version} /> : <State tone="wait">{t("site.no_version")}</State>],
    [t("site.version_next"), next ? <Hash hash={l.version_next} /> : <State tone="ok">{t("site.is_current")}</State>],
    [t("site.version_before"), <Hash hash={l.version_before} />],
    [t("site.threshold_raw"), l.threshold ? figure(l.threshold) + (l.threshold_factor && l.threshold_factor !== 1 ? ` (× ${figure(l.threshold_factor)})` : "") : "–"],
    [
      t("site.drift"),
      l.drift ? (
        <State tone="warn">{t("site.drift_of", { subject: l.drift.subject, time: clockTime(l.drift.time_ms) })}</State>
      ) : l.drift_watched ? (
        <State tone="ok">{t("site.no_drift")}</State>
      ) : (
        <State tone="idle">{t("site.drift_off")}</State>
      ),
    ],
    [t("site.pool"), t("site.pool_is", { train: l.pool.train ?? 0, recent: l.pool.recent ?? 0, held: l.pool.held ?? 0, confirmed: l.pool.confirmed ?? 0 })],
  ];
  return (
    <Panel title={l.line} id={"runs-" + l.line}>
      <div class="inside stack">
        <Facts rows={facts} />
        {next && l.follow && <p class="dim">{word("site.follow", l.follow)}</p>}
        {l.watch && (
          <p class="dim">
            {t("site.watch")}: {l.watched || l.watch}
          </p>
        )}
        {l.remark && <p>{l.remark}</p>}
        {l.last_error && <p class="dim">{l.last_error}</p>}
      </div>
    </Panel>
  );
}

function Budget({ r }: { r: Record<string, number> }) {
  const part = (name: string, now: number, most: number, text: (n: number) => string): [string, ComponentChildren] => [
    name,
    most > 0 ? (
      <div class="stack">
        <span>{t("site.of", { now: text(now), most: text(most) })}</span>
        <Bar share={now / most} label={name} {...(now > most ? { tone: "bad" as const } : {})} />
      </div>
    ) : (
      text(now)
    ),
  ];
  return (
    <Facts
      rows={[
        part(t("site.memory"), r.memory_bytes ?? 0, r.memory_budget_bytes ?? 0, bytes),
        [t("site.memory_most"), bytes(r.memory_most_bytes ?? 0)],
        part(t("site.processors"), r.cpu_now ?? 0, r.cpu_budget ?? 0, figure),
        [t("site.cpu_all"), duration(1000 * (r.cpu_s ?? 0))],
        [t("site.cpu_training"), duration(1000 * (r.cpu_trainer_s ?? 0))],
        [t("site.jobs_refused"), formatNumber(r.jobs_refused ?? 0)],
      ]}
    />
  );
}

/** What has no room above on a telephone. */
function Screen() {
  const s = session.value;
  return (
    <Panel title={t("site.this_screen")}>
      <div class="inside row">
        <LanguageChoice />
        <ThemeChoice />
        <span>{t("site.you_are_named", { name: name.value || s?.user || "–" })}</span>
        <button type="button" onClick={() => (asking.value = () => (asking.value = undefined))}>
          {t("site.name_change")}
        </button>
        {s?.by_token && (
          <button type="button" onClick={() => void logout()}>
            {t("site.logout")}
          </button>
        )}
      </div>
    </Panel>
  );
}

export function About() {
  const { data, error, reload } = useResource<Status>("/status", { every: 2000 });
  const journal = useKept(useResource<Journal>("/versions", { query: { last: 100 }, every: 10_000 }).data);
  const s = useKept(data);
  if (!s) return error ? <Failed error={error} retry={reload} /> : <Loading />;
  const link = s.coordinator;
  const training = s.state === "training" || s.state === "calibrating";
  return (
    <div class="page">
      <Head title={t("site.site_of", { site: s.site })} under={link.connected ? <State tone="ok">{t("site.connected")}</State> : <State tone="warn">{t("site.cut_off")}</State>} />
      {!link.connected && <p>{t("site.cut_off_help")}</p>}
      <div class="columns">
        <Panel title={t("site.link")}>
          <div class="inside">
            <Facts
              rows={[
                [t("site.link"), link.connected ? t("site.connected") : t("site.cut_off")],
                [t("site.facts_waiting"), formatNumber(Number(link.facts_waiting))],
                [t("site.facts_sent"), formatNumber(Number(link.facts_sent))],
                [t("site.updates"), formatNumber(Number(link.updates_acknowledged))],
                [t("site.plans_refused"), formatNumber(Number(link.plans_refused))],
                [
                  t("site.fingerprint"),
                  <span>
                    <code>{s.fingerprint}</code> <Copy text={s.fingerprint} />
                  </span>,
                ],
              ]}
            />
            {s.last_error && <p class="dim">{s.last_error}</p>}
          </div>
        </Panel>
        <Panel title={t("site.training")}>
          <div class="inside">
            <Facts
              rows={[
                [t("site.c_state"), <State tone={training ? "busy" : "idle"}>{word("site.work", s.state)}</State>],
                [t("site.waits_for"), s.training.waits_for ? word("site.waits", s.training.waits_for) : t("site.nothing")],
                [t("site.waited_busy"), duration(s.training.waited_busy_ms + s.training.waited_late_ms)],
                [t("site.waited_budget"), duration(s.training.waited_cpu_ms + s.training.waited_share_ms)],
              ]}
            />
          </div>
        </Panel>
      </div>
      <div class="columns">
        {s.lines.map((l) => (
          <Runs key={l.line} l={l} />
        ))}
      </div>
      <Panel title={t("site.budget")}>
        <div class="inside">
          <Budget r={s.resources} />
        </div>
      </Panel>
      {s.sinks.length > 0 && (
        <Panel title={t("site.sinks")}>
          <Table
            caption={t("site.sinks")}
            rows={s.sinks}
            id={(x) => x.name}
            columns={[
              { id: "name", head: t("site.c_name"), cell: (x) => x.name },
              { id: "type", head: t("site.c_kind"), cell: (x) => x.type },
              { id: "state", head: t("site.c_state"), cell: (x) => <State tone={x.state === "failing" ? "bad" : "ok"}>{word("site.sink", x.state)}</State> },
              { id: "behind", head: t("site.behind"), cell: (x) => formatNumber(x.behind), end: true },
            ]}
          />
        </Panel>
      )}
      {journal && journal.journal.length > 0 && (
        <Panel title={t("site.ran")}>
          <Table
            caption={t("site.ran")}
            rows={journal.journal.map((j, i) => ({ ...j, i }))}
            id={(j) => String(j.i)}
            page={10}
            columns={[
              { id: "time", head: t("site.c_time"), cell: (j) => <span class="nowrap">{clockTime(j.time_ms)}</span> },
              { id: "model", head: t("site.model"), cell: (j) => j.model },
              { id: "what", head: t("site.c_what"), cell: (j) => j.what },
              { id: "version", head: t("site.version"), cell: (j) => <Hash hash={j.version} /> },
            ]}
          />
        </Panel>
      )}
      <Screen />
    </div>
  );
}
