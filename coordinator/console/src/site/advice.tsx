// Advice: which inputs to move, and what is predicted then.  For people: there is nothing here to send it anywhere.
import { figure } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { Facts, Panel } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { clockTime } from "./parts.tsx";
import type { Advice } from "./shapes.ts";

function Moves({ advice }: { advice: Advice }) {
  return (
    <Table
      caption={t("site.advice_moves")}
      rows={advice.moves ?? []}
      id={(m) => m.sensor}
      columns={[
        { id: "sensor", head: t("site.advice_input"), cell: (m) => m.sensor, by: (m) => m.sensor },
        { id: "from", head: t("site.advice_from"), cell: (m) => `${figure(m.from)} ${m.unit}`, end: true },
        { id: "to", head: t("site.advice_to"), cell: (m) => <strong>{`${figure(m.to)} ${m.unit}`}</strong>, end: true },
      ]}
    />
  );
}

export function AdvicePanel({ advice }: { advice: Advice }) {
  const now = figure(advice.now ?? 0);
  const predicted = advice.outcome === "moves" ? t("site.advice_predicted", { now, then: figure(advice.then ?? 0) }) : now;
  const wish = advice.reach ? word("site.advice_reach", advice.reach) + (advice.limit === undefined ? "" : ` ${figure(advice.limit)}`) : "";
  return (
    <Panel title={t("site.advice")} actions={<span class="dim small">{t("site.advice_when", { time: clockTime(advice.time_ms) })}</span>}>
      <div class="inside stack">
        <p class="sentence">{advice.outcome === "refused" ? advice.said : word("site.advice_is", advice.outcome)}</p>
        {advice.model && (
          <Facts
            rows={[
              [advice.model, `${predicted} (${wish})`],
              ...(advice.caps ?? []).map((c) => [c.model, t("site.advice_cap", { now: figure(c.now), then: figure(c.then), most: figure(c.most) })] as [string, string]),
            ]}
          />
        )}
        <p class="dim">{t("site.advice_note")}</p>
      </div>
      {advice.outcome === "moves" && <Moves advice={advice} />}
    </Panel>
  );
}
