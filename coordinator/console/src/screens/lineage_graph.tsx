// The lineage as a drawing: each version is a link; arrow keys go to what it came from and what came of it.
import { useEffect, useRef } from "preact/hooks";
import { absolute } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import type { Version } from "../base/shapes.ts";
import { lineage, type Node } from "./lineage.ts";
import { roleOf } from "./version_state.ts";

const W = 158;
const H = 62;
const BOX_W = 112;
const BOX_H = 40;

function label(n: Node): string {
  const role = word("console.version_role", roleOf(n.version));
  const from = n.parent ? t("console.lineage_from", { parent: n.parent.version.hash.slice(0, 8), n: n.folded }) : t("console.lineage_first");
  return `${n.version.hash.slice(0, 8)}, ${role}, ${absolute(n.version.created_ms)}, ${from}`;
}

export function LineageGraph({ versions, production }: { versions: Version[]; production: string | null }) {
  const svg = useRef<SVGSVGElement>(null);
  const { nodes, columns, rows } = lineage(versions, production);
  const x = (n: Node): number => n.column * W + 4;
  const y = (n: Node): number => n.row * H + 10;
  const start = production ?? nodes.at(-1)?.version.hash;

  // A long history begins at its end.
  useEffect(() => {
    const box = svg.current?.parentElement;
    const n = nodes.find((x) => x.version.hash === start);
    if (box && n) box.scrollLeft = Math.max(0, x(n) + 2 * W - box.clientWidth);
  }, [start, nodes.length > 0]);

  function onKey(e: KeyboardEvent): void {
    const at = nodes.find((n) => n.version.hash === (e.target as Element).closest("a")?.getAttribute("data-hash"));
    if (!at) return;
    const mates = nodes.filter((n) => n.row !== at.row).sort((a, b) => Math.abs(a.column - at.column) - Math.abs(b.column - at.column));
    const nearest = (rows: Node[]): Node | undefined => rows.sort((a, b) => Math.abs(a.row - at.row) - Math.abs(b.row - at.row))[0];
    const next: Node | undefined = {
      ArrowLeft: at.parent,
      ArrowRight: at.children.find((c) => c.row === at.row) ?? at.children[0],
      ArrowDown: nearest(mates.filter((n) => n.row > at.row)),
      ArrowUp: nearest(mates.filter((n) => n.row < at.row)),
      Home: nodes.find((n) => !n.parent),
      End: nodes.find((n) => n.version.hash === production),
    }[e.key];
    if (!next) return;
    e.preventDefault();
    const a = svg.current?.querySelector<SVGAElement>(`a[data-hash="${next.version.hash}"]`);
    svg.current?.querySelectorAll("a").forEach((other) => other.setAttribute("tabindex", "-1"));
    a?.setAttribute("tabindex", "0");
    a?.focus();
    a?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  return (
    <div class="scroll lineage">
      <svg ref={svg} width={columns * W} height={rows * H + 8} role="group" aria-label={t("console.lineage_label", { n: nodes.length })} onKeyDown={onKey}>
        {nodes.map((n) => {
          if (!n.parent) return null;
          const x0 = x(n.parent) + BOX_W;
          const y0 = y(n.parent) + BOX_H / 2;
          const x1 = x(n);
          const y1 = y(n) + BOX_H / 2;
          const bend = (x0 + x1) / 2;
          return (
            <g key={"e" + n.version.hash} class="edge" aria-hidden="true">
              <path d={y0 === y1 ? `M${x0} ${y0}H${x1}` : `M${x0} ${y0}C${bend} ${y0} ${x0 + 8} ${y1} ${x1} ${y1}`} />
              {n.folded > 0 && (
                <text x={x1 - (W - BOX_W) / 2} y={y1 - 6} text-anchor="middle">
                  +{n.folded}
                </text>
              )}
            </g>
          );
        })}
        {nodes.map((n) => {
          const role = roleOf(n.version);
          return (
            <a key={n.version.hash} href={"/versions/" + n.version.hash} data-hash={n.version.hash} class={"node " + role} tabIndex={n.version.hash === start ? 0 : -1} aria-label={label(n)}>
              <rect x={x(n)} y={y(n)} width={BOX_W} height={BOX_H} rx="7" />
              <text class="mono" x={x(n) + 10} y={y(n) + 17}>
                {n.version.hash.slice(0, 8)}
              </text>{" "}
              <text class="role" x={x(n) + 10} y={y(n) + 32}>
                {word("console.version_role", role)}
              </text>
            </a>
          );
        })}
      </svg>
    </div>
  );
}
