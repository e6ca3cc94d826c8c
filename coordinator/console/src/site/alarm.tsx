// One alarm: why it was raised, what the sensors or the image looked like, what happened since; and what one does about it,
// by buttons and by keys.
import { useEffect, useState } from "preact/hooks";
import { figure, percent } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import type { Params } from "../base/router.ts";
import { Bar, Facts, Failed, Hash, Head, Loading, Panel } from "../ui/bits.tsx";
import { Chart } from "../ui/chart.tsx";
import { ActionDialog, Field } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { AdvicePanel } from "./advice.tsx";
import { alarmPath, useResource } from "./agent.ts";
import { board, seq } from "./board.ts";
import { acknowledge, AlarmState, canAck, clockTime, doIt, href, lasts, leave, score, Severity, shortTime, useKept, Verdict, what } from "./parts.tsx";
import { Pictures } from "./pictures.tsx";
import type { Alarm, AlarmRecord, Detail, Signal, Top } from "./shapes.ts";

// ---- keys ----

const STORED = "andon.site.keys";

function keysOn(): boolean {
  try {
    return localStorage.getItem(STORED) !== "off";
  } catch {
    return true;
  }
}

/** Single keys while nothing is typed and no dialog is open; they can be turned off (WCAG 2.1.4). */
function useKeys(on: boolean, keys: Record<string, () => void>): void {
  useEffect(() => {
    if (!on) return;
    const press = (e: KeyboardEvent): void => {
      const at = e.target as Element;
      if (e.ctrlKey || e.metaKey || e.altKey || e.repeat || at.closest("input, textarea, select, dialog, [role=application]")) return;
      const act = keys[e.key.toLowerCase()];
      if (act) {
        e.preventDefault();
        act();
      }
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  });
}

// ---- what one does ----

const DURATIONS = ["30m", "2h", "8h", "24h", "7d"] as const;

export function ShelveDialog({ title, path, onClose }: { title: string; path: string; onClose: () => void }) {
  const [span, setSpan] = useState<string>("2h");
  return (
    <ActionDialog
      title={title}
      what={t("site.shelve_what")}
      confirm={t("site.shelve")}
      done={t("site.shelved")}
      act={(reason) => leave(path + "/shelve", { for: span, reason })}
      onClose={onClose}
    >
      <Field label={t("site.shelve_for")}>
        {(p) => (
          <select {...p} value={span} onChange={(e) => setSpan(e.currentTarget.value)}>
            {DURATIONS.map((d) => (
              <option key={d} value={d}>
                {t(`site.span_${d}`)}
              </option>
            ))}
          </select>
        )}
      </Field>
    </ActionDialog>
  );
}

function Acts({ alarm, reload }: { alarm: Alarm; reload: () => void }) {
  const [open, setOpen] = useState<"" | "shelve" | "comment">("");
  const [keys, setKeys] = useState(keysOn);
  const [defect, setDefect] = useState("");
  const path = alarmPath(alarm.line, alarm.alarm);
  const aside = alarm.state === "shelved";
  const acked = alarm.state === "acknowledged" || !!alarm.acknowledged_by;
  const ack = (): void => void acknowledge(alarm).then(reload);
  const judge = (verdict: "true" | "false" | "unsure"): void =>
    void doIt(path + "/verdict", { verdict, ...(verdict === "true" && defect.trim() ? { defect: defect.trim() } : {}) }, "site.judged", { verdict: word("site.verdict_is", verdict) }).then(reload);
  useKeys(keys && open === "", {
    a: () => canAck(alarm) && ack(),
    s: () => !aside && alarm.active && setOpen("shelve"),
    c: () => setOpen("comment"),
    t: () => judge("true"),
    f: () => judge("false"),
    u: () => judge("unsure"),
  });
  const Key = ({ k }: { k: string }) => (keys ? <kbd aria-hidden="true">{k}</kbd> : null);
  const pressed = (v: string): boolean => alarm.verdict === v;
  return (
    <div class="acts" role="group" aria-label={t("site.acts")}>
      <div class="row">
        <button type="button" class="primary" disabled={!canAck(alarm)} aria-keyshortcuts={keys ? "a" : undefined} onClick={ack}>
          <Icon name="ok" />
          {t(acked && !canAck(alarm) ? "site.is_acknowledged" : "site.acknowledge")}
          <Key k="A" />
        </button>
        {aside ? (
          <button type="button" onClick={() => void doIt(path + "/unshelve", {}, "site.unshelved").then(reload)}>
            <Icon name="play" />
            {t("site.unshelve")}
          </button>
        ) : alarm.state === "out of service" ? (
          <button type="button" onClick={() => void doIt(path + "/in-service", {}, "site.unshelved").then(reload)}>
            <Icon name="play" />
            {t("site.in_service")}
          </button>
        ) : (
          <button type="button" disabled={!alarm.active} title={alarm.active ? undefined : t("site.over_no_shelf")} aria-keyshortcuts={keys ? "s" : undefined} onClick={() => setOpen("shelve")}>
            <Icon name="pause" />
            {t("site.shelve")}…<Key k="S" />
          </button>
        )}
        <button type="button" aria-keyshortcuts={keys ? "c" : undefined} onClick={() => setOpen("comment")}>
          <Icon name="edit" />
          {t("site.comment")}…<Key k="C" />
        </button>
      </div>
      <div class="row verdicts" role="group" aria-label={t("site.was_it")}>
        <strong>{t("site.was_it")}</strong>
        <button type="button" aria-pressed={pressed("true")} aria-keyshortcuts={keys ? "t" : undefined} onClick={() => judge("true")}>
          <Icon name="bad" />
          {t("site.verdict_true")}
          <Key k="T" />
        </button>
        <button type="button" aria-pressed={pressed("false")} aria-keyshortcuts={keys ? "f" : undefined} onClick={() => judge("false")}>
          <Icon name="ok" />
          {t("site.verdict_false")}
          <Key k="F" />
        </button>
        <button type="button" aria-pressed={pressed("unsure")} aria-keyshortcuts={keys ? "u" : undefined} onClick={() => judge("unsure")}>
          <Icon name="wait" />
          {t("site.verdict_unsure")}
          <Key k="U" />
        </button>
        <label class="defect">
          <span>{t("site.defect")}</span>
          <input value={defect} maxLength={63} onInput={(e) => setDefect(e.currentTarget.value)} />
        </label>
        <label class="keys">
          <input
            type="checkbox"
            checked={keys}
            onChange={(e) => {
              setKeys(e.currentTarget.checked);
              try {
                localStorage.setItem(STORED, e.currentTarget.checked ? "on" : "off");
              } catch {
                // Until the page is closed.
              }
            }}
          />
          {t("site.keys")}
        </label>
      </div>
      {open === "shelve" && <ShelveDialog title={t("site.shelve_alarm", { n: alarm.alarm, line: alarm.line })} path={path} onClose={() => (setOpen(""), reload())} />}
      {open === "comment" && (
        <ActionDialog title={t("site.comment_alarm", { n: alarm.alarm, line: alarm.line })} confirm={t("site.comment")} done={t("site.commented")} act={(comment) => leave(path + "/comment", { comment })} onClose={() => (setOpen(""), reload())} />
      )}
    </div>
  );
}

// ---- why ----

function Within({ steps, label }: { steps: number[]; label: string }) {
  const most = Math.max(...steps, 1e-9);
  return (
    <svg class="within" viewBox={`0 0 ${steps.length * 6} 20`} role="img" aria-label={label}>
      {steps.map((v, i) => (
        <rect key={i} x={i * 6 + 0.5} width="5" y={20 - (20 * Math.max(v, 0)) / most} height={(20 * Math.max(v, 0)) / most} />
      ))}
    </svg>
  );
}

function Sensors({ top }: { top: Top[] }) {
  return (
    <Table
      caption={t("site.sensors")}
      rows={top}
      id={(s) => s.sensor}
      columns={[
        { id: "sensor", head: t("site.c_sensor"), cell: (s) => s.sensor, by: (s) => s.sensor },
        {
          id: "share",
          head: t("site.c_share"),
          cell: (s) => (
            <div class="share">
              <Bar share={s.share} label={t("site.share_of", { sensor: s.sensor })} />
              <span>{percent(s.share)}</span>
            </div>
          ),
          by: (s) => s.share,
        },
        { id: "value", head: t("site.c_value"), cell: (s) => (s.value === undefined ? "" : figure(s.value)), end: true },
        { id: "expected", head: t("site.c_expected"), cell: (s) => (s.expected === undefined ? "" : figure(s.expected)), end: true },
        { id: "sigma", head: t("site.c_sigma"), cell: (s) => (s.sigma === undefined ? "" : figure(s.sigma) + " σ"), end: true },
        { id: "within", head: t("site.c_within"), cell: (s) => (s.within && s.within.length > 1 ? <Within steps={s.within} label={t("site.within_of", { sensor: s.sensor })} /> : "") },
      ]}
    />
  );
}

function Signals({ signal, reason }: { signal: Signal; reason: AlarmRecord }) {
  return (
    <Panel title={t("site.signal")}>
      <div class="inside stack signals">
        {signal.sensors.map((s) => {
          const expected = reason.top?.find((x) => x.sensor === s.sensor)?.expected;
          const n = signal.time_ms.length;
          // It stands where the window is that it was compared with.
          const end = signal.time_ms.filter((ms) => ms <= reason.time_ms).length;
          const near = s.near?.length ? Array.from({ length: n }, (_, i) => s.near![i - (end - s.near!.length)] ?? null) : undefined;
          return (
            <Chart
              key={s.sensor}
              title={s.sensor + (s.unit ? ` (${s.unit})` : "")}
              height={170}
              x={{ name: t("site.c_time"), values: signal.time_ms }}
              series={[
                { name: s.sensor, values: s.values, unit: s.unit },
                ...(near && near.length > 1 ? [{ name: t("site.near"), values: near, unit: s.unit }] : []),
                ...(expected !== undefined ? [{ name: t("site.expected"), values: signal.time_ms.map(() => expected), unit: s.unit, kind: "bound" as const }] : []),
              ]}
            />
          );
        })}
        <Chart
          title={t("site.score")}
          height={140}
          zero
          x={{ name: t("site.c_time"), values: signal.time_ms }}
          series={[
            { name: t("site.score"), values: signal.scores },
            { name: t("site.threshold"), values: signal.time_ms.map(() => 1), kind: "bound" },
          ]}
        />
      </div>
    </Panel>
  );
}

function Story({ events }: { events: AlarmRecord[] }) {
  return (
    <ol class="story">
      {events.map((e) => (
        <li key={e.seq}>
          <span class="dim nowrap" title={clockTime(e.time_ms)}>{shortTime(e.time_ms)}</span>
          <span>
            <strong>{word("site.kind", e.kind)}</strong>
            {e.verdict && e.kind === "verdict" ? `: ${word("site.verdict_is", e.verdict)}${e.class ? ` (${e.class})` : ""}` : ""}
            {e.by ? ` · ${e.by}` : ""}
            {e.kind === "shelved" && e.until_ms ? ` · ${t("site.until", { time: clockTime(e.until_ms) })}` : ""}
            {e.comment ? <span class="said"> “{e.comment}”</span> : null}
            {!e.by && e.score !== null ? <span class="dim"> · {t("site.score_is", { score: score(e.score) })}</span> : null}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Similar({ list }: { list: Alarm[] }) {
  return (
    <Table
      caption={t("site.similar")}
      rows={list}
      id={(a) => String(a.alarm)}
      columns={[
        {
          id: "alarm",
          head: t("site.c_alarm"),
          cell: (a) => (
            <a href={href(a)} class="nowrap">
              {a.line} · {a.alarm}
            </a>
          ),
        },
        { id: "since", head: t("site.c_since"), cell: (a) => clockTime(a.since_ms) },
        { id: "peak", head: t("site.c_peak"), cell: (a) => score(a.peak), end: true },
        { id: "verdict", head: t("site.c_verdict"), cell: (a) => <Verdict verdict={a.verdict} defect={a.class} /> },
      ]}
    />
  );
}

function Why({ reason, detail }: { reason: AlarmRecord; detail: Detail }) {
  return (
    <Panel title={t("site.why")} actions={<span class="dim small">{t("site.why_when", { time: clockTime(reason.time_ms) })}</span>}>
      <div class="inside stack">
        <p class="sentence">{what(reason)}</p>
        <Facts
          rows={[
            [t("site.c_peak"), score(detail.alarm.peak)],
            [t("site.c_severity"), <Severity severity={detail.alarm.severity} />],
            [t("site.c_source"), word("site.source", detail.alarm.source) + (reason.rules?.length ? ` (${reason.rules.join(", ")})` : "")],
            ...(reason.part ? [[t("site.part"), reason.part] as [string, string]] : []),
            ...(reason.near_ms ? [[t("site.near"), `${clockTime(reason.near_ms)} · ${figure(reason.near_distance ?? 0)} σ`] as [string, string]] : []),
            ...(reason.version ? [[t("site.version"), <Hash hash={reason.version} />] as [string, preact.JSX.Element]] : []),
          ]}
        />
      </div>
      {reason.top && reason.top.length > 0 && <Sensors top={reason.top} />}
    </Panel>
  );
}

// ---- the screen ----

export function AlarmScreen({ params }: { params: Params }) {
  const line = params.line!;
  const id = Number(params.alarm);
  const { data, error, reload } = useResource<Detail>(alarmPath(line, id), { query: { seq: seq.value }, every: 5000 });
  const d = useKept(data);
  if (!d) return error ? <Failed error={error} retry={reload} /> : <Loading />;
  const a = d.alarm;
  const now = board.value?.lines.find((l) => l.line === line)?.row_ms;
  return (
    <div class="page">
      <Head
        title={t("site.alarm_of", { n: id, line })}
        crumbs={[["/alarms", t("site.alarms")]]}
        under={
          <>
            <AlarmState state={a.state} />
            <span>{a.active ? t("site.active_for", { time: lasts(a.since_ms, now ?? a.time_ms) }) : t("site.lasted", { time: lasts(a.since_ms, a.cleared_ms) })}</span>
            <span>{t("site.since_time", { time: clockTime(a.since_ms) })}</span>
            {a.state === "shelved" && a.until_ms ? <span>{t("site.until", { time: clockTime(a.until_ms) })}</span> : null}
            {a.acknowledged_by && <span>{t("site.acked_by", { name: a.acknowledged_by })}</span>}
            <Verdict verdict={a.verdict} defect={a.class} />
          </>
        }
      />
      <Acts alarm={a} reload={reload} />
      {d.pictures.length > 0 && <Pictures detail={d} />}
      <Why reason={d.reason} detail={d} />
      {d.advice && <AdvicePanel advice={d.advice} />}
      {d.signal && <Signals signal={d.signal} reason={d.reason} />}
      <div class="columns">
        <Panel title={t("site.story")}>
          <div class="inside">
            <Story events={d.events} />
          </div>
        </Panel>
        {d.similar.length > 0 && (
          <Panel title={t("site.similar")}>
            <Similar list={d.similar} />
          </Panel>
        )}
      </div>
    </div>
  );
}
