// Curves: uPlot draws them, the keyboard reads them, and a table says the same.  Series differ by colour, dashes and name.
// uPlot is fetched when the first chart is shown.
import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";
import { absolute, figure } from "../base/format.ts";
import { language, locale, t } from "../base/i18n.ts";
import { dark } from "../base/theme.ts";
import { Icon } from "./icon.tsx";
import { Table } from "./table.tsx";

export interface Series {
  name: string;
  values: (number | null | undefined)[];
  unit?: string;
  /** A line of its own at the same place: thresholds, budgets. */
  kind?: "line" | "step" | "bound";
  /** A place without a value does not cut the line. */
  join?: boolean;
}

export interface ChartProps {
  title: string;
  x: { name: string; values: number[]; kind?: "time" | "number" };
  series: Series[];
  height?: number;
  /** Begin the y axis at zero. */
  zero?: boolean;
}

const DASHES: number[][] = [[], [6, 4], [2, 3], [10, 4, 2, 4], [12, 4], [4, 2]];
const color = (i: number): string => getComputedStyle(document.documentElement).getPropertyValue(`--series-${(i % 6) + 1}`).trim();
const dash = (s: Series, i: number): number[] => (s.kind === "bound" ? [3, 3] : DASHES[i % DASHES.length]!);

function Legend({ series }: { series: Series[] }) {
  return (
    <div class="legend">
      {series.map((s, i) => (
        <span key={s.name}>
          <svg viewBox="0 0 26 8" aria-hidden="true">
            <line x1="0" y1="4" x2="26" y2="4" stroke={`var(--series-${(i % 6) + 1})`} stroke-width="2.5" stroke-dasharray={dash(s, i).join(" ")} />
          </svg>
          {s.name}
          {s.unit ? ` (${s.unit})` : ""}
        </span>
      ))}
    </div>
  );
}

/** Steps of an axis that counts: there is no round 1.5. */
const COUNTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000];

/** Days from a day on, seconds below a minute; uPlot's own are American. */
function timeTicks(ticks: number[], step: number): string[] {
  const day = new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short" });
  const clock = new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}), ...(step < 1 ? { fractionalSecondDigits: 1 } : {}), hour12: false });
  if (step >= 86_400) return ticks.map((v) => day.format(v * 1000));
  let last = "";
  return ticks.map((v) => {
    const date = day.format(v * 1000);
    const text = clock.format(v * 1000);
    if (date === last) return text;
    last = date;
    return text + "\n" + date;
  });
}

function options(Plot: typeof uPlot, p: ChartProps, width: number, moved: (i: number | null) => void): uPlot.Options {
  const css = getComputedStyle(document.documentElement);
  const text = css.getPropertyValue("--dim").trim();
  const grid = css.getPropertyValue("--line").trim();
  const font = `12px ${css.getPropertyValue("--font")}`;
  const axis = { stroke: text, font, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
  const time = (p.x.kind ?? "time") === "time";
  return {
    width,
    height: p.height ?? 220,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
    scales: { x: { time }, y: p.zero ? { range: (_u, _min, max) => [0, max > 0 ? max * 1.08 : 1] } : {} },
    axes: [time ? { ...axis, space: 70, values: (_u, ticks, _axis, _space, step) => timeTicks(ticks, step) } : p.x.values.every(Number.isInteger) ? { ...axis, incrs: COUNTS } : axis, { ...axis, size: 56, values: (_u, ticks) => ticks.map((v) => figure(v)) }],
    series: [
      {},
      ...p.series.map((s, i) => ({
        label: s.name,
        stroke: color(i),
        width: s.kind === "bound" ? 1.5 : 2,
        dash: dash(s, i),
        spanGaps: !!s.join,
        points: { show: s.values.length < 40 && s.kind !== "bound", size: 5 },
        ...(s.kind === "step" ? { paths: Plot.paths.stepped!({ align: 1 }) } : {}),
      })),
    ],
    hooks: { setCursor: [(u) => moved(u.cursor.idx ?? null)] },
  };
}

export function Chart(p: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [asTable, setAsTable] = useState(false);
  const n = p.x.values.length;
  const time = (p.x.kind ?? "time") === "time";
  const xText = (i: number): string => (time ? absolute(p.x.values[i]!) : figure(p.x.values[i]!));
  // uPlot counts time in seconds.
  const data = (): uPlot.AlignedData => [time ? p.x.values.map((v) => v / 1000) : p.x.values, ...p.series.map((s) => s.values)];
  const form = JSON.stringify([p.series.map((s) => [s.name, s.kind]), p.x.kind, p.height, p.zero]);

  useEffect(() => {
    if (asTable) return;
    let left = false;
    const watch = new ResizeObserver(([entry]) => plot.current?.setSize({ width: entry!.contentRect.width, height: p.height ?? 220 }));
    void Promise.all([import("uplot"), import("uplot/dist/uPlot.min.css")]).then(([{ default: Plot }]) => {
      if (left || !box.current) return;
      plot.current = new Plot(options(Plot, p, box.current.clientWidth, setAt), data(), box.current);
      watch.observe(box.current);
    });
    return () => {
      left = true;
      watch.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [form, asTable, dark.value, language.value]);

  useEffect(() => plot.current?.setData(data()), [p.x.values, p.series]);

  function onKey(e: KeyboardEvent): void {
    const step = e.shiftKey ? 10 : 1;
    const from = at ?? (e.key === "ArrowLeft" ? n : -1);
    const next = { ArrowLeft: from - step, ArrowRight: from + step, Home: 0, End: n - 1 }[e.key];
    if (next === undefined || n === 0) return;
    e.preventDefault();
    const i = Math.max(0, Math.min(n - 1, next));
    setAt(i);
    const u = plot.current;
    if (u) u.setCursor({ left: u.valToPos(u.data[0][i]!, "x"), top: 0 }, false);
  }

  const readout = at !== null && at < n ? [xText(at), ...p.series.map((s) => `${s.name} ${s.values[at] == null ? "–" : figure(s.values[at]!)}${s.unit ? " " + s.unit : ""}`)].join(" · ") : t("base.chart_help");

  return (
    <figure class="chart" aria-label={p.title} style={{ margin: 0 }}>
      <div class="row" style={{ justifyContent: "space-between", alignItems: "start" }}>
        <Legend series={p.series} />
        <button type="button" class="plain tiny" aria-pressed={asTable} onClick={() => setAsTable(!asTable)}>
          <Icon name={asTable ? "graph" : "table"} />
          {t(asTable ? "base.as_chart" : "base.as_table")}
        </button>
      </div>
      {asTable ? (
        <Table
          caption={p.title}
          rows={p.x.values.map((_, i) => i)}
          id={String}
          columns={[
            { id: "x", head: p.x.name, cell: xText, by: (i) => p.x.values[i] },
            ...p.series.map((s, k) => ({
              id: "s" + k,
              head: s.name + (s.unit ? ` (${s.unit})` : ""),
              cell: (i: number) => (s.values[i] == null ? "–" : figure(s.values[i]!)),
              by: (i: number) => s.values[i],
              end: true,
            })),
          ]}
        />
      ) : (
        <>
          <div
            class="plot"
            ref={box}
            tabIndex={0}
            role="application"
            aria-label={t("base.chart_label", { title: p.title, n })}
            style={{ minHeight: (p.height ?? 220) + "px" }}
            onKeyDown={onKey}
          />
          <p class="readout" aria-live="polite">
            {readout}
          </p>
        </>
      )}
    </figure>
  );
}
