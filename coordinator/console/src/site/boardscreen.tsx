// Every line at a glance: a large calm state that is read from three metres.
import { useState } from "preact/hooks";
import { now } from "../base/clock.ts";
import { duration, figure } from "../base/format.ts";
import { t, word, type Key } from "../base/i18n.ts";
import { place } from "../base/router.ts";
import { Empty, Loading } from "../ui/bits.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { board, lostSince, points } from "./board.ts";
import { acknowledge, canAck, clockTime, href, lasts, what } from "./parts.tsx";
import type { Line } from "./shapes.ts";
import { Spark } from "./spark.tsx";

const icons: Record<Line["state"], IconName> = { alarm: "bad", normal: "ok", "no data": "idle", waiting: "wait" };
const classes: Record<Line["state"], string> = { alarm: "alarm", normal: "normal", "no data": "nodata", waiting: "waiting" };

/** Since when it is so: by the source's clock, of silence by this computer's. */
function Since({ line, now }: { line: Line; now: number }) {
  if (line.state === "no data") {
    const since = line.row_at_ms ?? line.state_ms ?? 0;
    return <>{since ? t("site.for_time", { time: duration(Math.max(0, now - since)) }) : ""}</>;
  }
  if (line.state === "waiting" || !line.since_ms) return <>{line.state === "normal" ? t("site.no_alarm_yet") : ""}</>;
  if ((line.row_ms ?? 0) - line.since_ms < 1000) return null; // an image that has just come
  return <span title={clockTime(line.since_ms)}>{t("site.for_time", { time: lasts(line.since_ms, line.row_ms) })}</span>;
}

export function why(line: Line): string {
  if (line.state === "no data") return [t(`site.no_data_${line.no_data || "silent"}` as Key), line.no_data === "failing" ? line.last_error : ""].filter(Boolean).join(" ");
  if (line.state === "waiting") return t("site.waiting_help");
  return "";
}

function Acknowledge({ line }: { line: Line }) {
  const [left, setLeft] = useState(0);
  const a = line.last_alarm;
  if (!a || !canAck(a) || left === a.alarm || line.no_data === "lost") return null;
  return (
    <button type="button" class="big-button" onClick={() => void acknowledge(a).then((did) => did && setLeft(a.alarm))}>
      <Icon name="ok" />
      {t("site.acknowledge")}
    </button>
  );
}

function Last({ line, kiosk }: { line: Line; kiosk: boolean }) {
  const a = line.last_alarm;
  if (!a) return <p class="last dim">{why(line)}</p>;
  return (
    <div class="last">
      {why(line) && <p class="dim">{why(line)}</p>}
      <p>
        <a href={href(a)} class="name">
          {t("site.alarm_n", { n: a.alarm })}
        </a>{" "}
        <span class="dim">
          {word("site.standing", a.state)} · {a.active ? t("site.since_time", { time: clockTime(a.since_ms) }) : t("site.over_at", { time: clockTime(a.cleared_ms ?? a.time_ms) })}
        </span>
      </p>
      <p class="what">{what(a)}</p>
      {!kiosk && <Acknowledge line={line} />}
    </div>
  );
}

function Card({ line, now, kiosk }: { line: Line; now: number; kiosk: boolean }) {
  const id = "line-" + line.line;
  return (
    <article class={"line-card " + classes[line.state]} aria-labelledby={id} data-line={line.line} data-state={line.state}>
      <header>
        <h2 id={id}>
          <a href={`/lines/${encodeURIComponent(line.line)}`}>{line.line}</a>
        </h2>
        {line.unacknowledged > 0 && <span class="count">{t("site.n_unacknowledged", { n: line.unacknowledged })}</span>}
        {line.aside > 0 && <span class="count quiet">{t("site.n_aside", { n: line.aside })}</span>}
      </header>
      <div class="big">
        <Icon name={icons[line.state]} />
        <div>
          <p class="word">{word("site.state", line.state)}</p>
          <p class="since">
            <Since line={line} now={now} />
          </p>
        </div>
        {line.score !== null && line.state !== "no data" && line.state !== "waiting" && (
          <p class="score" title={t("site.score_help")}>
            <span class="figure">{figure(line.score)}</span>
            <span class="unit">{t("site.of_threshold")}</span>
          </p>
        )}
      </div>
      <Spark points={points.value.get(line.line) ?? []} now={now} line={line.line} />
      <div class="axis">
        <span>{t("site.ten_minutes")}</span>
        <span>{t("site.threshold_dashed")}</span>
        <span>{t("site.now")}</span>
      </div>
      <Last line={line} kiosk={kiosk} />
    </article>
  );
}

/** What needs somebody first; the order of lines stays within. */
const order: Line["state"][] = ["alarm", "no data", "waiting", "normal"];

/** What is old is not shown as the present, least of all from afar. */
const STALE_MS = 5000;
const lost = (l: Line): Line => ({ ...l, state: "no data", no_data: "lost", score: null });

export function BoardScreen() {
  const seen = board.value;
  const stale = lostSince.value > 0 && now.value > 0 && Date.now() - lostSince.value > STALE_MS;
  const b = seen && stale ? { ...seen, time_ms: now.value, lines: seen.lines.map(lost) } : seen;
  const kiosk = place.value.query.has("kiosk");
  if (!b) return <Loading />;
  const count = (s: Line["state"]): number => b.lines.filter((l) => l.state === s).length;
  return (
    <div class="page board">
      <div class="summary">
        <h1 tabIndex={-1} class={kiosk ? "unseen" : undefined}>
          {t("site.board")}
        </h1>
        <p class="dim">
          {order
            .filter((s) => count(s) > 0)
            .map((s) => t("site.n_in_state", { n: count(s), state: word("site.state", s) }))
            .join(" · ")}
        </p>
        {!kiosk && (
          <a class="button" href="/?kiosk">
            <Icon name="system" />
            {t("site.kiosk")}
          </a>
        )}
      </div>
      {b.lines.length === 0 && <Empty title={t("site.no_lines")} />}
      <div class="line-cards" style={{ "--lines": String(b.lines.length) }}>
        {b.lines.map((l) => (
          <Card key={l.line} line={l} now={b.time_ms} kiosk={kiosk} />
        ))}
      </div>
    </div>
  );
}
