// What ran on the lines of a site, over time: a band for each line, a piece for each version.
import { absolute, relative } from "../base/format.ts";
import { now } from "../base/clock.ts";
import { t } from "../base/i18n.ts";
import type { Run } from "../base/shapes.ts";

const BAND = 34;
const LEFT = 120;
const WIDTH = 1000;

export function Timeline({ runs }: { runs: Run[] }) {
  const lines = [...new Set(runs.map((r) => r.line))];
  if (runs.length === 0) return null;
  const from = Math.min(...runs.map((r) => r.from_ms));
  const until = Math.max(now.value, ...runs.map((r) => r.until_ms || r.heard_ms));
  const x = (ms: number): number => LEFT + ((ms - from) / Math.max(1, until - from)) * (WIDTH - LEFT);
  const versions = [...new Set(runs.map((r) => r.version))];
  const tone = (v: string): number => (versions.indexOf(v) % 6) + 1;
  return (
    <div class="scroll" role="img" tabIndex={0} aria-label={t("console.timeline", { n: lines.length })}>
      <svg class="timeline" viewBox={`0 0 ${WIDTH} ${lines.length * BAND + 24}`}>
        {lines.map((line, i) => (
          <g key={line} transform={`translate(0 ${i * BAND})`}>
            <text x="0" y="21">
              {line}
            </text>
            {runs
              .filter((r) => r.line === line)
              .map((r) => {
                const a = x(r.from_ms);
                const b = x(r.until_ms || until);
                const width = Math.max(3, b - a - 2);
                return (
                  <g key={r.seq}>
                    <rect x={a} y="5" width={width} height="23" rx="4" fill={`var(--series-${tone(r.version)})`}>
                      <title>{`${r.model} ${r.version.slice(0, 10)}: ${absolute(r.from_ms)} – ${r.until_ms ? absolute(r.until_ms) : t("console.now")}`}</title>
                    </rect>
                    {width > 76 && (
                      <text class="in" x={a + 8} y="21">
                        {r.version.slice(0, 8)}
                      </text>
                    )}
                  </g>
                );
              })}
          </g>
        ))}
        <text class="axis" x={LEFT} y={lines.length * BAND + 16}>
          {relative(from, now.value)}
        </text>
        <text class="axis end" x={WIDTH} y={lines.length * BAND + 16}>
          {t("console.now")}
        </text>
      </svg>
    </div>
  );
}
