// What an alarm came from, as shares of its score.
import { percent } from "../base/format.ts";
import { t } from "../base/i18n.ts";
import type { Alarm } from "../base/shapes.ts";
import { Table } from "../ui/table.tsx";
import "./work.css";

const BRIEF = 3;

export function Contributions({ alarm, brief }: { alarm: Alarm; brief?: boolean }) {
  const all = [...(alarm.sensors ?? [])].sort((a, b) => b.share - a.share);
  if (all.length === 0) return <span class="dim">–</span>;
  if (brief)
    return (
      <span>
        {all.slice(0, BRIEF).map((s, i) => (
          <span key={s.sensor}>
            {i > 0 && ", "}
            {s.sensor} <span class="dim">{percent(s.share)}</span>
          </span>
        ))}
        {all.length > BRIEF && <span class="dim"> {t("work.and_more", { n: all.length - BRIEF })}</span>}
      </span>
    );
  const most = all[0]!.share || 1;
  return (
    <Table
      caption={t("work.contributions")}
      rows={all}
      id={(s) => s.sensor}
      columns={[
        { id: "sensor", head: t("work.sensor"), cell: (s) => <strong>{s.sensor}</strong>, by: (s) => s.sensor },
        {
          id: "bar",
          head: t("work.contribution"),
          cell: (s) => (
            <span class="contribution" aria-hidden="true">
              <i style={{ width: `${Math.max(0, s.share / most) * 100}%` }} />
            </span>
          ),
        },
        { id: "share", head: t("work.share"), cell: (s) => percent(s.share, 1), by: (s) => s.share, end: true },
      ]}
    />
  );
}
