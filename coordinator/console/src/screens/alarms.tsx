// Alarms of all sites, as summaries: what leaves a site is when, how far and from which sensors.
import { formatNumber, locale, t } from "../base/i18n.ts";
import { place, setQuery, to } from "../base/router.ts";
import type { Alarm, Model, Site } from "../base/shapes.ts";
import { figure } from "../base/format.ts";
import { usePages, useResource } from "../shell/session.ts";
import { Duration, Empty, Failed, Hash, Head, Loading, Panel, Scroll, State, Time, When } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { Contributions } from "./alarm_parts.tsx";

const DAY = 86_400_000;
const HEAT_MOST = 65; // per cent; test/contrast.test.ts holds the figures on it to their contrast
const DAYS_SHOWN = 14;

interface Count {
  day: string;
  site: string;
  alarms: number;
}

/** A site's days side by side: the figure is the text, the shade only helps the eye. */
function Counts({ only }: { only: string }) {
  const r = useResource<{ counts: Count[]; next?: number }>("/alarms/counts", { query: { since: Math.floor(Date.now() / DAY) * DAY - (DAYS_SHOWN - 1) * DAY, ...(only ? { site: only } : {}) }, on: ["alarm."], every: 60_000 });
  const counts = r.data?.counts;
  if (!counts) return r.error ? <Failed error={r.error} retry={r.reload} /> : <Loading />;
  const by = new Map<string, number>();
  for (const c of counts) by.set(c.site + " " + c.day, (by.get(c.site + " " + c.day) ?? 0) + c.alarms);
  const today = Math.floor(Date.now() / DAY) * DAY;
  const days = Array.from({ length: DAYS_SHOWN }, (_, i) => new Date(today - i * DAY).toISOString().slice(0, 10));
  const sites = [...new Set(counts.map((c) => c.site))].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
  const most = Math.max(1, ...by.values());
  const name = new Intl.DateTimeFormat(locale(), { month: "short", day: "numeric", timeZone: "UTC" });
  if (sites.length === 0) return <Empty title={t("work.no_alarms_days", { n: DAYS_SHOWN })} />;
  return (
    <Scroll label={t("work.counts")}>
      <table class="rows heat">
        <caption class="unseen">{t("work.counts")}</caption>
        <thead>
          <tr>
            <th scope="col">
              <span>{t("work.site")}</span>
            </th>
            <th scope="col" class="end">
              <span>{t("work.sum")}</span>
            </th>
            {days.map((d) => (
              <th key={d} scope="col" class="end">
                <span>{name.format(new Date(d))}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sites.map((s) => (
            <tr key={s}>
              <th scope="row">
                <a href={to("/sites/:name", { name: s })}>{s}</a>
              </th>
              <td class="end">
                <strong>{formatNumber(days.reduce((sum, d) => sum + (by.get(s + " " + d) ?? 0), 0))}</strong>
              </td>
              {days.map((d) => {
                const n = by.get(s + " " + d) ?? 0;
                return (
                  <td key={d} class="end" style={n ? { "--heat": `${Math.round(10 + (HEAT_MOST - 10) * (n / most))}%` } : undefined}>
                    {n ? formatNumber(n) : <span class="dim">·</span>}
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
      {r.data?.next !== undefined && <p class="dim small inside">{t("work.counts_part")}</p>}
    </Scroll>
  );
}

/** An alarm is told when it is raised and again when it is over: the later word is the alarm. */
export function latest<A extends Alarm>(alarms: A[]): A[] {
  const seen = new Set<string>();
  return alarms.filter((a) => {
    const id = `${a.site} ${a.line} ${a.raised_ms}`;
    if (seen.has(id)) return false;
    seen.add(id);
    return true;
  });
}

export default function Alarms() {
  const q = place.value.query;
  const site = q.get("site") ?? "";
  const model = q.get("model") ?? "";
  const line = q.get("line") ?? "";
  const days = Number(q.get("days") ?? 0);
  const only = q.get("only") ?? "";
  // To the whole hour, so that the address of the request is the same for a while.
  const since = days > 0 ? Math.floor(Date.now() / 3_600_000) * 3_600_000 - days * DAY : 0;
  const list = usePages<Alarm & { model?: string }>("/alarms", { key: "alarms", id: (a) => a.seq, query: { ...(site ? { site } : {}), ...(model ? { model } : {}), ...(line ? { line } : {}), ...(since ? { since } : {}) }, on: ["alarm."] });
  const sites = useResource<{ sites: Site[] }>("/sites", { on: ["site.approved"] });
  const models = useResource<{ models: Model[] }>("/models", { on: ["model."] });
  const all = list.rows && latest(list.rows);
  const shown = all?.filter((a) => (only === "open" ? a.cleared_ms === 0 : true));
  const open = all?.filter((a) => a.cleared_ms === 0).length ?? 0;
  const lines = [...new Set((sites.data?.sites ?? []).filter((s) => !site || s.name === site).flatMap((s) => (s.lines ?? []).map((l) => l.line)))].sort();
  return (
    <div class="page">
      <Head title={t("work.alarms")} under={all && <span>{t("work.n_open_alarms", { n: open })}</span>} />
      <Panel title={t("work.counts")} actions={<span class="dim small">{t("work.utc_days")}</span>}>
        <Counts only={site} />
      </Panel>
      <Panel title={t("work.alarms")} actions={<span class="dim small">{t("work.summaries_only")}</span>}>
        <div class="filters">
          <label>
            {t("work.site")}
            <select value={site} onChange={(e) => setQuery({ site: e.currentTarget.value, line: "" })}>
              <option value="">{t("work.all_sites")}</option>
              {(sites.data?.sites ?? []).map((s) => (
                <option key={s.name}>{s.name}</option>
              ))}
            </select>
          </label>
          <label>
            {t("work.line")}
            <select value={line} onChange={(e) => setQuery({ line: e.currentTarget.value })}>
              <option value="">{t("work.all_lines")}</option>
              {lines.map((l) => (
                <option key={l}>{l}</option>
              ))}
            </select>
          </label>
          <label>
            {t("work.model")}
            <select value={model} onChange={(e) => setQuery({ model: e.currentTarget.value })}>
              <option value="">{t("work.all_models")}</option>
              {(models.data?.models ?? []).map((m) => (
                <option key={m.name}>{m.name}</option>
              ))}
            </select>
          </label>
          <label>
            {t("work.received")}
            <select value={String(days || "")} onChange={(e) => setQuery({ days: e.currentTarget.value })}>
              <option value="">{t("work.any_time")}</option>
              {[1, 7, 30].map((n) => (
                <option key={n} value={n}>
                  {t("work.last_days", { n })}
                </option>
              ))}
            </select>
          </label>
          <label>
            {t("work.state")}
            <select value={only} onChange={(e) => setQuery({ only: e.currentTarget.value })}>
              <option value="">{t("work.any_state")}</option>
              <option value="open">{t("work.alarm_open")}</option>
            </select>
          </label>
        </div>
        {!shown ? (
          list.error ? (
            <Failed error={list.error} retry={list.reload} />
          ) : (
            <Loading />
          )
        ) : (
          <Table
            caption={t("work.alarms")}
            rows={shown}
            page={50}
            more={list.more}
            busy={list.busy}
            id={(a) => String(a.seq)}
            empty={<Empty title={t("work.no_alarms")}>{t("work.no_alarms_help")}</Empty>}
            columns={[
              { id: "raised", head: t("work.raised"), cell: (a) => <a href={"/alarms/" + a.seq}><When ms={a.raised_ms} /></a>, by: (a) => -a.raised_ms },
              { id: "state", head: t("work.state"), cell: (a) => <State tone={a.cleared_ms ? "idle" : "bad"}>{t(a.cleared_ms ? "work.alarm_over" : "work.alarm_open")}</State>, by: (a) => (a.cleared_ms ? 1 : 0) },
              { id: "where", head: t("work.where"), cell: (a) => <><a href={to("/sites/:name", { name: a.site })}>{a.site}</a><span class="dim"> / {a.line}</span></>, by: (a) => a.site + a.line },
              { id: "peak", head: t("work.peak"), cell: (a) => t("work.times", { n: figure(a.peak) }), by: (a) => -a.peak, end: true },
              { id: "sensors", head: t("work.from_sensors"), cell: (a) => <Contributions alarm={a} brief />, by: (a) => a.sensors?.[0]?.sensor },
              { id: "lasted", head: t("work.lasted"), cell: (a) => (a.cleared_ms ? <Duration ms={a.cleared_ms - a.raised_ms} /> : "–"), by: (a) => (a.cleared_ms ? a.cleared_ms - a.raised_ms : undefined), end: true },
              { id: "version", head: t("work.version"), cell: (a) => <Hash hash={a.version} n={8} href={a.version ? "/versions/" + a.version : undefined} /> },
              { id: "received", head: t("work.received"), cell: (a) => <Time ms={a.time_ms} />, by: (a) => -a.time_ms },
            ]}
          />
        )}
      </Panel>
    </div>
  );
}
