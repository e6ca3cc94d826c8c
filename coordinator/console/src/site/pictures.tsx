// The image that an alarm is about, where it is not as it should be, and how far.  Places are in the pixels of the image as it
// came; the pictures are as the model saw it.
import { useState } from "preact/hooks";
import { figure } from "../base/format.ts";
import { t } from "../base/i18n.ts";
import { Panel } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { alarmPath } from "./agent.ts";
import type { AlarmRecord, Detail } from "./shapes.ts";

type Which = "overlay" | "image" | "map";

function Boxes({ reason }: { reason: AlarmRecord }) {
  const w = reason.image_width ?? 0;
  const h = reason.image_height ?? 0;
  if (!w || !h) return null;
  return (
    <svg class="boxes" viewBox={`0 0 ${w} ${h}`} preserveAspectRatio="none" aria-hidden="true">
      {reason.boxes?.map((b, i) => (
        <g key={i}>
          <rect class="halo" x={b.x} y={b.y} width={b.width} height={b.height} vector-effect="non-scaling-stroke" />
          <rect x={b.x} y={b.y} width={b.width} height={b.height} vector-effect="non-scaling-stroke" />
        </g>
      ))}
    </svg>
  );
}

export function Pictures({ detail }: { detail: Detail }) {
  const whole = detail.pictures.includes("image");
  const [which, setWhich] = useState<Which>(whole ? "overlay" : "map");
  const [boxes, setBoxes] = useState(true);
  const a = detail.alarm;
  const views: Which[] = whole ? ["overlay", "image", "map"] : ["map"];
  const list = detail.reason.boxes ?? [];
  return (
    <Panel title={t("site.picture")}>
      <div class="inside picture">
        <figure>
          <div class="frame">
            <img src={`/v1${alarmPath(a.line, a.alarm)}/${which}.png`} alt={t("site.picture_of", { line: a.line, n: a.alarm, boxes: list.length })} />
            {boxes && <Boxes reason={detail.reason} />}
          </div>
        </figure>
        <div class="stack">
          <div class="row" role="group" aria-label={t("site.picture")}>
            {views.map((v) => (
              <button key={v} type="button" aria-pressed={which === v} onClick={() => setWhich(v)}>
                {t(`site.view_${v}`)}
              </button>
            ))}
            <label class="keys">
              <input type="checkbox" checked={boxes} onChange={(e) => setBoxes(e.currentTarget.checked)} />
              {t("site.boxes")}
            </label>
          </div>
          <p class="dim">{t("site.map_help")}</p>
          {list.length > 0 && (
            <Table
              caption={t("site.boxes")}
              rows={list.map((b, i) => ({ ...b, i }))}
              id={(b) => String(b.i)}
              columns={[
                { id: "at", head: t("site.c_place"), cell: (b) => `${b.x}, ${b.y}` },
                { id: "size", head: t("site.c_size"), cell: (b) => `${b.width} × ${b.height} px` },
                { id: "peak", head: t("site.c_usual"), cell: (b) => figure(b.peak), by: (b) => b.peak, end: true },
              ]}
            />
          )}
        </div>
      </div>
    </Panel>
  );
}
