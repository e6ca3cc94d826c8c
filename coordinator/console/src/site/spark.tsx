// The scores of the last minutes as a small drawing: what is above the threshold is drawn thicker and in another colour, the
// threshold is dashed.  The figures stand beside it; the line's own screen has them as a table.
import { useId } from "preact/hooks";
import { figure } from "../base/format.ts";
import { t } from "../base/i18n.ts";
import type { RawPoint } from "./shapes.ts";

const SPAN_MS = 600_000;
const W = 600;
const H = 120;
/** A pause of so many usual ones, and of 15 s at least, is a gap. */
const GAPS = 6;
const GAP_MS = 15_000;
/** Of a line whose points are further apart each is marked. */
const DOTS_MS = 2500;

function usualPause(list: RawPoint[]): number {
  const pauses = list.slice(1).map((p, i) => p[0] - list[i]![0]).sort((a, b) => a - b);
  return pauses[pauses.length >> 1] ?? 1000;
}

/** Pieces without gaps.  Exported for tests. */
export function pieces(list: RawPoint[]): RawPoint[][] {
  const most = Math.max(GAP_MS, GAPS * usualPause(list));
  const out: RawPoint[][] = [];
  let last: RawPoint | undefined;
  for (const p of list) {
    if (p[1] === null) {
      last = undefined;
      continue;
    }
    if (!last || p[0] - last[0] > most) out.push([]);
    out.at(-1)!.push(p);
    last = p;
  }
  return out;
}

export function Spark({ points, now, line }: { points: RawPoint[]; now: number; line: string }) {
  const id = useId();
  const shown = points.filter((p) => p[0] >= now - SPAN_MS);
  const top = Math.max(1.6, ...shown.map((p) => p[1] ?? 0)) * 1.06;
  const x = (ms: number): string => (((ms - now + SPAN_MS) / SPAN_MS) * W).toFixed(1);
  const y = (v: number): string => (H - (v / top) * H).toFixed(1);
  const drawn = pieces(shown);
  const path = drawn.map((piece) => piece.map((p, i) => (i === 0 ? "M" : "L") + x(p[0]) + " " + y(p[1]!)).join("")).join("");
  const dots = shown.length < 3 || usualPause(shown) > DOTS_MS ? shown.filter((p) => p[1] !== null) : [];
  const highest = shown.reduce((m, p) => Math.max(m, p[1] ?? 0), 0);
  return (
    <svg
      class="spark"
      viewBox={`0 0 ${W} ${H}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={t("site.spark", { line, highest: figure(highest) })}
    >
      <clipPath id={id + "over"}>
        <rect x="0" y="0" width={W} height={y(1)} />
      </clipPath>
      <clipPath id={id + "under"}>
        <rect x="0" y={y(1)} width={W} height={H - Number(y(1))} />
      </clipPath>
      <line class="threshold" x1="0" x2={W} y1={y(1)} y2={y(1)} vector-effect="non-scaling-stroke" />
      <path class="under" d={path} clip-path={`url(#${id}under)`} vector-effect="non-scaling-stroke" />
      <path class="over" d={path} clip-path={`url(#${id}over)`} vector-effect="non-scaling-stroke" />
      {dots.map((p) => (
        <line key={p[0]} class={p[1]! > 1 ? "dot over" : "dot"} x1={x(p[0])} x2={x(p[0])} y1={y(p[1]!)} y2={y(p[1]!)} vector-effect="non-scaling-stroke" />
      ))}
    </svg>
  );
}
