// One line: its scores as a chart with a table beside it, its alarms, and what one says of the line as a whole.
import { useMemo, useState } from "preact/hooks";
import { figure } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import type { Params } from "../base/router.ts";
import { Empty, Facts, Head, Loading, Panel } from "../ui/bits.tsx";
import { Chart } from "../ui/chart.tsx";
import { ActionDialog } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { AdvicePanel } from "./advice.tsx";
import { useResource } from "./agent.ts";
import { ShelveDialog } from "./alarm.tsx";
import { columns } from "./alarms.tsx";
import { board, points, seq } from "./board.ts";
import { why } from "./boardscreen.tsx";
import { clockTime, leave, useKept } from "./parts.tsx";
import type { Alarm, Status } from "./shapes.ts";

const some = (v: number | null): string => (v === null ? "–" : figure(v));

export function LineScreen({ params }: { params: Params }) {
  const name = params.line!;
  const [open, setOpen] = useState<"" | "missed" | "shelve" | "out">("");
  const { data, reload } = useResource<{ alarms: Alarm[] }>("/alarms", { query: { all: 1, last: 300, seq: seq.value }, every: 5000 });
  const { data: status } = useResource<Status>("/status", { every: 5000 });
  const now = useKept(status)?.lines.find((l) => l.line === name);
  const advice = now?.advice;
  const alarms = useKept(data?.alarms)?.filter((a) => a.line === name);
  const list = points.value.get(name) ?? [];
  const chart = useMemo(
    () => ({
      x: list.map((p) => p[0]),
      most: list.map((p) => p[1]),
      bound: list.map(() => 1),
    }),
    [list],
  );
  const line = board.value?.lines.find((l) => l.line === name);
  if (!board.value) return <Loading />;
  if (!line) return <Empty title={t("site.no_line", { line: name })} />;
  const path = `/lines/${encodeURIComponent(name)}`;
  const close = (): void => {
    setOpen("");
    reload();
  };
  return (
    <div class="page">
      <Head title={name} crumbs={[["/", t("site.board")]]} under={<span>{[word("site.state", line.state), line.model, why(line)].filter(Boolean).join(" · ")}</span>}>
        <button type="button" onClick={() => setOpen("missed")}>
          <Icon name="warn" />
          {t("site.missed")}…
        </button>
        <button type="button" onClick={() => setOpen("shelve")}>
          <Icon name="pause" />
          {t("site.shelve_line")}…
        </button>
      </Head>
      <Panel title={t("site.score_ten")}>
        <div class="inside">
          <Chart
            title={t("site.score_of", { line: name })}
            zero
            height={260}
            x={{ name: t("site.c_time"), values: chart.x }}
            series={[
              { name: t("site.score_most"), values: chart.most },
              { name: t("site.threshold"), values: chart.bound, kind: "bound" },
            ]}
          />
          <Facts
            rows={[
              [t("site.score"), line.score === null ? "–" : figure(line.score)],
              [t("site.threshold_raw"), line.threshold ? figure(line.threshold) : "–"],
              [t("site.last_row"), line.row_ms ? clockTime(line.row_ms) : "–"],
              ...(now?.answers ?? []).map((a): [string, string] => [a.sensor, t("site.answer", { measured: some(a.measured), should: some(a.should) })]),
            ]}
          />
        </div>
      </Panel>
      {advice && <AdvicePanel advice={advice} />}
      <Panel title={t("site.alarms")}>
        {alarms && alarms.length > 0 ? (
          <Table caption={t("site.alarms")} columns={columns(reload)} rows={alarms} id={(a) => String(a.alarm)} sort="-since" page={20} />
        ) : (
          <Empty title={t("site.no_alarm_ever")} />
        )}
      </Panel>
      {open === "missed" && <ActionDialog title={t("site.missed")} what={t("site.missed_what", { line: name })} confirm={t("site.missed_say")} done={t("site.missed_said")} act={(reason) => leave(path + "/missed", { reason })} onClose={close} />}
      {open === "shelve" && <ShelveDialog title={t("site.shelve_line_of", { line: name })} path={path} onClose={close} />}
    </div>
  );
}
