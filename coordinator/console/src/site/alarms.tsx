// All alarms by their state, in the order in which people have to do with them.
import { t, word } from "../base/i18n.ts";
import { place } from "../base/router.ts";
import { Empty, Failed, Head, Loading, Panel, Tabs } from "../ui/bits.tsx";
import { Table, type Column } from "../ui/table.tsx";
import { useResource } from "./agent.ts";
import { seq } from "./board.ts";
import { acknowledge, AlarmState, canAck, clockTime, href, lasts, score, Severity, shortTime, states, useKept, Verdict, what } from "./parts.tsx";
import type { Alarm } from "./shapes.ts";

const LAST = 300;
const ranks = ["low", "medium", "high", "critical"];

/** of: all rows are in one state, which stands above them. */
export function columns(again: () => void, of?: string): Column<Alarm>[] {
  const all: Column<Alarm>[] = [
    { id: "state", head: t("site.c_state"), cell: (a) => <AlarmState state={a.state} />, by: (a) => states.indexOf(a.state) },
    {
      id: "alarm",
      head: t("site.c_alarm"),
      cell: (a) => (
        <a href={href(a)} class="nowrap">
          {a.line} · {a.alarm}
        </a>
      ),
      by: (a) => `${a.line} ${a.alarm}`,
    },
    { id: "since", head: t("site.c_since"), cell: (a) => <span class="nowrap" title={clockTime(a.since_ms)}>{shortTime(a.since_ms)}</span>, by: (a) => a.since_ms },
    { id: "lasted", head: t("site.c_lasted"), cell: (a) => <span class="nowrap">{lasts(a.since_ms, a.active ? a.time_ms : (a.cleared_ms ?? a.time_ms))}</span>, by: (a) => (a.cleared_ms ?? a.time_ms) - a.since_ms, end: true },
    { id: "severity", head: t("site.c_severity"), cell: (a) => <Severity severity={a.severity} />, by: (a) => ranks.indexOf(a.severity) },
    { id: "what", head: t("site.c_what"), cell: (a) => <span class="what">{what(a)}</span> },
    { id: "peak", head: t("site.c_peak"), cell: (a) => score(a.peak), by: (a) => a.peak, end: true },
    { id: "verdict", head: t("site.c_verdict"), cell: (a) => <Verdict verdict={a.verdict} defect={a.class} />, by: (a) => a.verdict ?? "" },
    {
      id: "do",
      head: t("site.c_do"),
      cell: (a) =>
        canAck(a) && (
          <button type="button" aria-label={t("site.acknowledge_n", { n: a.alarm, line: a.line })} onClick={() => void acknowledge(a).then(again)}>
            {t("site.acknowledge")}
          </button>
        ),
    },
  ];
  return of === undefined ? all : all.filter((c) => c.id !== "state" && (c.id !== "do" || canAck({ state: of })));
}

export function Alarms() {
  const all = place.value.query.get("all") !== null;
  const { data, error, reload } = useResource<{ alarms: Alarm[] }>("/alarms", { query: { all: all ? 1 : 0, last: LAST, seq: seq.value }, every: 5000 });
  const list = useKept(data?.alarms);
  const shown = states.filter((s) => list?.some((a) => a.state === s));
  return (
    <div class="page">
      <Head title={t("site.alarms")} under={list && shown.map((s) => t("site.n_in_state", { n: list.filter((a) => a.state === s).length, state: word("site.standing", s) })).join(" · ")} />
      <Tabs
        label={t("site.alarms")}
        at={all ? "all" : "open"}
        tabs={[
          { id: "open", name: t("site.open_alarms"), href: "/alarms" },
          { id: "all", name: t("site.all_alarms"), href: "/alarms?all" },
        ]}
      />
      {error && !list ? <Failed error={error} retry={reload} /> : null}
      {!list && !error && <Loading />}
      {list && list.length === 0 && (
        <div class="panel">
          <Empty title={t(all ? "site.no_alarm_ever" : "site.no_open_alarm")} />
        </div>
      )}
      {list &&
        shown.map((s) => {
          const rows = list.filter((a) => a.state === s);
          return (
            <Panel key={s} title={`${word("site.standing", s)} (${rows.length})`} id={"state-" + s.replaceAll(" ", "-")}>
              <Table caption={word("site.standing", s)} columns={columns(reload, s)} rows={rows} id={(a) => `${a.line}/${a.alarm}`} sort="-since" page={50} />
            </Panel>
          );
        })}
    </div>
  );
}
