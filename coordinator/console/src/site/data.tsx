// Is what the lines read as it should be?  Sources, what they could not use, and sensors that say nothing or always the same.
import { formatNumber, t, word } from "../base/i18n.ts";
import { Empty, Failed, Head, Loading, Panel, State } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { useResource } from "./agent.ts";
import { board, seq } from "./board.ts";
import { why } from "./boardscreen.tsx";
import { clockTime, shortTime, useKept } from "./parts.tsx";
import type { AlarmRecord, LineStatus, Status } from "./shapes.ts";

const subject = (e: AlarmRecord): string => e.top?.[0]?.sensor ?? e.image ?? "";

/** Of each sensor what was said last: those that have begun and not ended.  Newest come first. */
export function bad(events: AlarmRecord[]): AlarmRecord[] {
  const said = new Set<string>();
  return events.filter((e) => {
    const key = `${e.fault} ${subject(e)}`;
    if (said.has(key)) return false;
    said.add(key);
    return e.begins === true && e.fault !== "image";
  });
}

function counters(l: LineStatus): [string, number][] {
  return Object.entries(l.source).filter((x): x is [string, number] => typeof x[1] === "number" && x[0] !== "rows" && x[1] > 0);
}

function Source({ line }: { line: LineStatus }) {
  const now = board.value?.lines.find((l) => l.line === line.line);
  const { data, error, reload } = useResource<{ events: AlarmRecord[] }>("/quality", { query: { line: line.line, last: 100, seq: seq.value } });
  const events = useKept(data?.events);
  const open = events ? bad(events) : [];
  const silent = now?.state === "no data" || (now && now.no_data !== "");
  return (
    <Panel title={line.line} id={"source-" + line.line}>
      <div class="inside stack">
        <div class="row">
          {silent ? <State tone="bad">{t("site.source_down")}</State> : <State tone="ok">{t("site.source_up")}</State>}
          {open.length > 0 && <State tone="warn">{t("site.n_bad_sensors", { n: open.length })}</State>}
          {silent && now && <span>{why(now)}</span>}
          {line.last_error && <span class="dim">{line.last_error}</span>}
        </div>
        <dl class="facts">
          <div>
            <dt>{t("site.rows_read")}</dt>
            <dd>{formatNumber(Number(line.source.rows ?? line.rows))}</dd>
          </div>
          <div>
            <dt>{t("site.rows_scored")}</dt>
            <dd>{formatNumber(line.scored)}</dd>
          </div>
          <div>
            <dt>{t("site.last_row")}</dt>
            <dd>{line.last_row_ms ? clockTime(line.last_row_ms) : "–"}</dd>
          </div>
          {counters(line).map(([k, n]) => (
            <div key={k}>
              <dt>{word("site.counter", k)}</dt>
              <dd>{formatNumber(n)}</dd>
            </div>
          ))}
        </dl>
        {typeof line.source.bad_last === "string" && line.source.bad_last !== "" && <p class="dim">{line.source.bad_last}</p>}
      </div>
      {error && !events ? <Failed error={error} retry={reload} /> : null}
      {events && events.length > 0 && (
        <Table
          caption={t("site.quality_of", { line: line.line })}
          rows={events}
          id={(e) => String(e.seq)}
          sort="-time"
          page={10}
          columns={[
            { id: "state", head: t("site.c_state"), cell: (e) => (e.begins ? <State tone={open.includes(e) ? "warn" : "idle"}>{t(open.includes(e) ? "site.goes_on" : "site.began")}</State> : <State tone="ok">{t("site.ended")}</State>) },
            { id: "time", head: t("site.c_time"), cell: (e) => <span class="nowrap" title={clockTime(e.time_ms)}>{shortTime(e.time_ms)}</span>, by: (e) => e.time_ms },
            { id: "sensor", head: t("site.c_sensor"), cell: (e) => subject(e), by: subject },
            { id: "fault", head: t("site.c_fault"), cell: (e) => word("site.fault", e.fault ?? "") },
            ...(events.some((e) => e.reason) ? [{ id: "reason", head: t("site.c_what"), cell: (e: AlarmRecord) => e.reason ?? "" }] : []),
          ]}
        />
      )}
      {events && events.length === 0 && <Empty title={t("site.no_quality")} />}
    </Panel>
  );
}

export function Data() {
  const { data, error, reload } = useResource<Status>("/status", { every: 3000 });
  const s = useKept(data);
  if (!s) return error ? <Failed error={error} retry={reload} /> : <Loading />;
  return (
    <div class="page">
      <Head title={t("site.data")} under={t("site.data_help")} />
      {s.lines.map((l) => (
        <Source key={l.line} line={l} />
      ))}
    </div>
  );
}
