// How good the alarms are for people: the figures of ISA-18.2 and EEMUA 191, each beside what it should be, and how often
// they were right.
import { figure, percent } from "../base/format.ts";
import { t, word, type Key } from "../base/i18n.ts";
import { place } from "../base/router.ts";
import { Empty, Failed, Head, Loading, Panel, State, Tabs, type Tone } from "../ui/bits.tsx";
import { Chart } from "../ui/chart.tsx";
import { Table } from "../ui/table.tsx";
import { useResource } from "./agent.ts";
import { clockTime, useKept } from "./parts.tsx";
import type { Figures, Share, Verdicts } from "./shapes.ts";

const SPANS = ["1d", "7d", "30d"] as const;

interface Row {
  id: string;
  name: string;
  value: string;
  goal: string;
  tone: Tone;
  said: string;
}

const judge = (good: boolean, fair: boolean): { tone: Tone; said: string } =>
  good ? { tone: "ok", said: t("site.good") } : fair ? { tone: "warn", said: t("site.fair") } : { tone: "bad", said: t("site.poor") };

/** EEMUA 191 and ISA-18.2: about one alarm in ten minutes can be borne, two at most; above ten it is a flood. */
function rows(f: Figures): Row[] {
  const flooded = f.periods > 0 ? f.flooded_periods / f.periods : 0;
  return [
    { id: "rate", name: t("site.f_rate"), value: figure(f.per_10_min), goal: t("site.f_rate_goal"), ...judge(f.per_10_min <= 1, f.per_10_min <= 2) },
    { id: "peak", name: t("site.f_peak"), value: figure(f.peak_10_min), goal: t("site.f_peak_goal"), ...judge(f.peak_10_min <= 10, f.peak_10_min <= 20) },
    { id: "flood", name: t("site.f_flood"), value: percent(flooded, 1), goal: t("site.f_flood_goal"), ...judge(flooded < 0.01, flooded < 0.05) },
    { id: "top", name: t("site.f_top"), value: percent(f.top_10_share), goal: t("site.f_top_goal"), ...(f.tags <= 10 ? { tone: "info" as Tone, said: t("site.few_kinds", { n: f.tags }) } : judge(f.top_10_share < 0.05, f.top_10_share < 0.2)) },
    { id: "chatter", name: t("site.f_chatter"), value: figure(f.chattering_tags), goal: t("site.f_chatter_goal"), ...judge(f.chattering_tags === 0, false) },
    { id: "standing", name: t("site.f_standing"), value: figure(f.standing), goal: t("site.f_standing_goal"), ...judge(f.standing < 5, f.standing < 10) },
  ];
}

const share = (s: Share | null): string => (s ? `${percent(s.value)} (${percent(s.low)}–${percent(s.high)})` : t("site.too_few"));

function OverTime({ list }: { list: Verdicts[] }) {
  const lines = [...new Set(list.map((v) => v.line))];
  return (
    <>
      {lines.map((line) => {
        const of = list.filter((v) => v.line === line).sort((a, b) => a.from_ms - b.from_ms);
        const times = [...new Set(of.map((v) => v.from_ms))];
        const at = (key: "precision" | "recall") => times.map((ms) => of.filter((v) => v.from_ms === ms).at(-1)?.[key]?.value ?? null);
        const known = of.some((v) => v.precision || v.recall);
        if (!known || times.length < 2) return null;
        return (
          <Panel key={line} title={t("site.right_over_time", { line })}>
            <div class="inside">
              <Chart
                title={t("site.right_over_time", { line })}
                zero
                height={180}
                x={{ name: t("site.c_time"), values: times }}
                series={[
                  { name: t("site.precision"), values: at("precision") },
                  { name: t("site.recall"), values: at("recall") },
                ]}
              />
            </div>
          </Panel>
        );
      })}
    </>
  );
}

export function FiguresScreen() {
  const asked = place.value.query.get("span");
  const span = SPANS.find((s) => s === asked) ?? "7d";
  const figures = useResource<Figures>("/figures", { query: { span } });
  const verdicts = useResource<Verdicts[]>("/verdicts", { query: { by: span === "1d" ? "shift" : "day", span } });
  const f = useKept(figures.data);
  const v = useKept(verdicts.data);
  return (
    <div class="page">
      <Head title={t("site.figures")} under={t("site.figures_help")} />
      <Tabs label={t("site.span")} at={span} tabs={SPANS.map((s) => ({ id: s, name: t(`site.last_${s}` as Key), href: `/figures?span=${s}` }))} />
      <Panel title={t("site.load")}>
        {figures.error && !f ? <Failed error={figures.error} retry={figures.reload} /> : null}
        {!f && !figures.error && <Loading />}
        {f && f.alarms === 0 && <Empty title={t("site.no_alarm_span")} />}
        {f && f.alarms > 0 && (
          <>
            <p class="inside">{t("site.n_alarms", { n: f.alarms }) + " " + Object.entries(f.by_severity).filter(([, n]) => n > 0).map(([s, n]) => `${word("site.severity", s)}: ${n}`).join(" · ")}</p>
            <Table
              caption={t("site.load")}
              rows={rows(f)}
              id={(r) => r.id}
              columns={[
                { id: "name", head: t("site.c_figure"), cell: (r) => r.name },
                { id: "value", head: t("site.c_is"), cell: (r) => <strong>{r.value}</strong>, end: true },
                { id: "said", head: t("site.c_said"), cell: (r) => <State tone={r.tone}>{r.said}</State> },
                { id: "goal", head: t("site.c_goal"), cell: (r) => <span class="dim">{r.goal}</span> },
              ]}
            />
          </>
        )}
      </Panel>
      <Panel title={t("site.right")}>
        {verdicts.error && !v ? <Failed error={verdicts.error} retry={verdicts.reload} /> : null}
        {v && v.length === 0 && <Empty title={t("site.no_alarm_span")} />}
        {v && v.length > 0 && (
          <Table
            caption={t("site.right")}
            rows={v}
            id={(r) => `${r.line} ${r.version} ${r.from_ms}`}
            sort="-from"
            page={30}
            columns={[
              { id: "line", head: t("site.c_line"), cell: (r) => r.line, by: (r) => r.line },
              { id: "from", head: t("site.c_from"), cell: (r) => <span class="nowrap">{clockTime(r.from_ms)}</span>, by: (r) => r.from_ms },
              { id: "version", head: t("site.version"), cell: (r) => <code>{r.version.slice(0, 8)}</code> },
              { id: "alarms", head: t("site.alarms"), cell: (r) => r.alarms, by: (r) => r.alarms, end: true },
              { id: "true", head: t("site.verdict_true"), cell: (r) => r.true, end: true },
              { id: "false", head: t("site.verdict_false"), cell: (r) => r.false, end: true },
              { id: "unsure", head: t("site.verdict_unsure"), cell: (r) => r.unsure, end: true },
              { id: "missed", head: t("site.c_missed"), cell: (r) => r.missed, end: true },
              { id: "precision", head: t("site.precision"), cell: (r) => share(r.precision), by: (r) => r.precision?.value, end: true },
              { id: "recall", head: t("site.recall"), cell: (r) => share(r.recall), by: (r) => r.recall?.value, end: true },
            ]}
          />
        )}
      </Panel>
      {v && <OverTime list={v} />}
    </div>
  );
}
