// One site: its lines, what they run and ran, its alarms, and what has come from it.
import { useEffect, useRef, useState } from "preact/hooks";
import { duration, percent, figure } from "../base/format.ts";
import { formatNumber, t, word, type Key } from "../base/i18n.ts";
import { to, type Params } from "../base/router.ts";
import type { Alarm, Drift, FleetLine, JournalRecord, Run, Sent, Site } from "../base/shapes.ts";
import { api, can, usePages, useResource } from "../shell/session.ts";
import { Bytes, Copy, Empty, Facts, Failed, Hash, Head, Loading, Panel, Said, State, Time, When } from "../ui/bits.tsx";
import { ActionDialog, Dialog, Field } from "../ui/dialog.tsx";
import { Table } from "../ui/table.tsx";
import { latest } from "./alarms.tsx";
import { Fingerprint } from "./fingerprint.tsx";
import { SiteState } from "./site_state.tsx";
import { Timeline } from "./timeline.tsx";
import "./site.css";

function Lines({ site, fleet }: { site: Site; fleet: FleetLine[] }) {
  const rows = (site.lines ?? []).map((l) => ({ ...l, told: fleet.find((f) => f.line === l.line) }));
  const gone = fleet.filter((f) => !rows.some((r) => r.line === f.line)).map((f) => ({ line: f.line, model: f.model, version: f.reported, overlay: null, told: f }));
  return (
    <Panel title={t("console.lines")}>
      <Table
        caption={t("console.lines")}
        rows={[...rows, ...gone]}
        id={(l) => l.line}
        sort="line"
        empty={<Empty title={t("console.no_lines")} />}
        columns={[
          { id: "line", head: t("console.line"), cell: (l) => <strong>{l.line}</strong>, by: (l) => l.line },
          { id: "model", head: t("console.model"), cell: (l) => <a href={to("/models/:name", { name: l.model })}>{l.model}</a>, by: (l) => l.model },
          { id: "runs", head: t("console.runs"), cell: (l) => <Hash hash={l.version ?? l.told?.reported} href={(l.version ?? l.told?.reported) ? "/versions/" + (l.version ?? l.told?.reported) : undefined} /> },
          { id: "desired", head: t("console.desired"), cell: (l) => <Hash hash={l.told?.desired} href={l.told?.desired ? "/versions/" + l.told.desired : undefined} /> },
          {
            id: "state",
            head: t("console.state"),
            cell: (l) =>
              !l.version && !l.told?.reported ? (
                <State tone="warn">{t("console.no_version")}</State>
              ) : l.told?.differs ? (
                <>
                  <State tone={l.told.reason ? "bad" : "busy"}>{t("console.differs")}</State> {l.told.reason}
                </>
              ) : (
                <State tone="ok">{t("console.as_desired")}</State>
              ),
          },
          { id: "since", head: t("console.since"), cell: (l) => <Time ms={l.told?.since_ms} />, by: (l) => l.told?.since_ms },
          { id: "overlay", head: t("console.overlay"), cell: (l) => <Hash hash={l.overlay} n={8} /> },
        ]}
      />
    </Panel>
  );
}

function History({ name }: { name: string }) {
  const history = useResource<{ runs: Run[] }>("/history/" + encodeURIComponent(name), { on: ["site."] });
  const runs = history.data?.runs ?? [];
  return (
    <Panel title={t("console.ran")}>
      {history.error ? (
        <Failed error={history.error} retry={history.reload} />
      ) : !history.data ? (
        <Loading />
      ) : runs.length === 0 ? (
        <Empty title={t("console.ran_nothing")} />
      ) : (
        <>
          <div class="inside">
            <Timeline runs={runs} />
          </div>
          <Table
            caption={t("console.ran")}
            rows={[...runs].reverse()}
            id={(r) => String(r.seq)}
            page={10}
            columns={[
              { id: "line", head: t("console.line"), cell: (r) => r.line, by: (r) => r.line },
              { id: "version", head: t("console.version"), cell: (r) => <Hash hash={r.version} href={"/versions/" + r.version} /> },
              { id: "from", head: t("console.from"), cell: (r) => <When ms={r.from_ms} />, by: (r) => r.from_ms },
              { id: "until", head: t("console.until"), cell: (r) => (r.until_ms ? <When ms={r.until_ms} /> : <State tone="ok">{t("console.runs_now")}</State>), by: (r) => r.until_ms || Infinity },
              { id: "for", head: t("console.for"), cell: (r) => (r.until_ms ? duration(r.until_ms - r.from_ms) : "–"), by: (r) => (r.until_ms ? r.until_ms - r.from_ms : Infinity), end: true },
              { id: "proof", head: t("console.proof"), cell: (r) => (r.countersigned ? <State tone="ok">{t("console.countersigned")}</State> : <State tone="idle">{t("console.not_countersigned")}</State>) },
              { id: "left", head: t("console.left_because"), cell: (r) => r.left ?? "" },
            ]}
          />
        </>
      )}
    </Panel>
  );
}

function Alarms({ name }: { name: string }) {
  const alarms = usePages<Alarm>("/alarms", { key: "alarms", id: (a) => a.seq, query: { site: name }, on: ["alarm."] });
  const last = latest(alarms.rows ?? []);
  return (
    <Panel
      title={t("console.alarms")}
      actions={
        <>
          <span class="dim small">{t("console.alarms_summaries")}</span>
          <a href={"/alarms?site=" + encodeURIComponent(name)}>{t("console.all_alarms")}</a>
        </>
      }
    >
      {alarms.error && !alarms.rows ? (
        <Failed error={alarms.error} retry={alarms.reload} />
      ) : !alarms.rows ? (
        <Loading />
      ) : (
        <Table
          caption={t("console.alarms")}
          rows={last}
          id={(a) => String(a.seq)}
          page={10}
          more={alarms.more}
          busy={alarms.busy}
          empty={<Empty title={t("console.no_alarms")} />}
          columns={[
            { id: "raised", head: t("console.raised"), cell: (a) => <a href={"/alarms/" + a.seq}><When ms={a.raised_ms} /></a>, by: (a) => a.raised_ms },
            { id: "line", head: t("console.line"), cell: (a) => <span class="nowrap">{a.line}</span>, by: (a) => a.line },
            { id: "state", head: t("console.state"), cell: (a) => (a.cleared_ms ? <State tone="idle">{t("console.over_after", { time: duration(a.cleared_ms - a.raised_ms) })}</State> : <State tone="bad">{t("console.open")}</State>) },
            { id: "peak", head: t("console.peak"), cell: (a) => figure(a.peak) + " ×", by: (a) => a.peak, end: true },
            { id: "sensors", head: t("console.sensors"), cell: (a) => a.sensors.slice(0, 3).map((s) => `${s.sensor} ${percent(s.share)}`).join(", ") },
          ]}
        />
      )}
    </Panel>
  );
}

const WHAT: Record<string, Key> = { update: "console.sent_update", secure: "console.sent_secure", accept: "console.sent_accept", refuse: "console.sent_refuse" };

const kindWord = (kind: string): string => word("console.record", kind.replace(".", "_"));

function whatOf(r: JournalRecord): string {
  const event = typeof r.body?.event === "string" ? r.body.event : "";
  return WHAT[event] ? t(WHAT[event]) : kindWord(r.kind);
}

function Ledger({ name, bytes }: { name: string; bytes: number | undefined }) {
  const ledger = useResource<{ ledger: Sent[]; next?: number }>("/ledger", { query: { site: name, limit: 1000 }, on: ["round.event", "site.", "drift.", "alarm."] });
  const rows = ledger.data?.ledger ?? [];
  return (
    <Panel title={t("console.sent")}>
      <div class="inside stack">
        <p class="dim">{t("console.sent_help")}</p>
        <p>
          {t("console.received_since_start")} <strong><Bytes n={bytes} /></strong>
        </p>
      </div>
      {ledger.error && !ledger.data ? (
        <Failed error={ledger.error} retry={ledger.reload} />
      ) : !ledger.data ? (
        <Loading />
      ) : (
        <Table
          caption={t("console.sent")}
          rows={rows}
          id={(r) => r.kind}
          sort="-bytes"
          empty={<Empty title={t("console.sent_nothing")} />}
          columns={[
            { id: "what", head: t("console.what"), cell: (r) => kindWord(r.kind), by: (r) => kindWord(r.kind) },
            { id: "records", head: t("console.records"), cell: (r) => formatNumber(r.records), by: (r) => r.records, end: true },
            { id: "bytes", head: t("console.of_size"), cell: (r) => <Bytes n={r.bytes} />, by: (r) => r.bytes, end: true },
            { id: "first", head: t("console.first"), cell: (r) => <When ms={r.first_ms} />, by: (r) => r.first_ms },
            { id: "last", head: t("console.last"), cell: (r) => <Time ms={r.last_ms} />, by: (r) => r.last_ms },
          ]}
        />
      )}
      {ledger.data?.next !== undefined && <p class="inside dim">{t("console.ledger_part")}</p>}
      <details class="inside">
        <summary>{t("console.sent_each")}</summary>
        <Each name={name} />
      </details>
    </Panel>
  );
}

/** Fetched when it is opened. */
function Each({ name }: { name: string }) {
  const [open, setOpen] = useState(false);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const details = box.current!.closest("details")!;
    const toggled = (): void => setOpen(details.open);
    details.addEventListener("toggle", toggled);
    return () => details.removeEventListener("toggle", toggled);
  }, []);
  return <div ref={box}>{open && <Records name={name} />}</div>;
}

function Records({ name }: { name: string }) {
  const records = usePages<JournalRecord>("/journal", { key: "records", id: (r) => r.seq, query: { by: "site/" + name, newest: true }, on: ["round.", "site.", "drift.", "alarm."] });
  if (records.error && !records.rows) return <Failed error={records.error} retry={records.reload} />;
  if (!records.rows) return <Loading />;
  return (
    <Table
      caption={t("console.sent_each")}
      rows={records.rows}
      id={(r) => String(r.seq)}
      page={20}
      more={records.more}
      busy={records.busy}
      columns={[
        { id: "time", head: t("console.time"), cell: (r) => <When ms={r.time_ms} /> },
        { id: "what", head: t("console.what"), cell: whatOf, by: whatOf },
        { id: "line", head: t("console.record"), cell: (r) => <Said>{r.line.slice(18)}</Said> },
        { id: "seq", head: t("console.journal_no"), cell: (r) => <a href={"/journal?after=" + (r.seq - 1)}>{r.seq}</a>, by: (r) => r.seq, end: true },
      ]}
    />
  );
}

function Drifts({ name }: { name: string }) {
  const drifts = usePages<Drift>("/drifts", { key: "drifts", id: (d) => d.line + d.test + d.subject + d.time_ms, query: { site: name }, on: ["drift."] });
  const mine = (drifts.rows ?? []).filter((d) => d.site === name);
  if (mine.length === 0) return null;
  return (
    <Panel title={t("console.drift_reports")} actions={<a href="/drifts">{t("console.drift_inbox")}</a>}>
      <Table
        caption={t("console.drift_reports")}
        rows={mine}
        id={(d) => d.line + d.test + d.subject + d.time_ms}
        page={10}
        more={drifts.more}
        busy={drifts.busy}
        columns={[
          { id: "time", head: t("console.reported"), cell: (d) => <When ms={d.time_ms} />, by: (d) => d.time_ms },
          { id: "line", head: t("console.line"), cell: (d) => d.line, by: (d) => d.line },
          { id: "what", head: t("console.of"), cell: (d) => `${d.subject} (${d.test})`, by: (d) => d.subject },
          { id: "effect", head: t("console.effect"), cell: (d) => t("console.over_limit", { effect: figure(d.effect), limit: figure(d.threshold) }), by: (d) => d.effect / d.threshold, end: true },
          { id: "answer", head: t("console.answer"), cell: (d) => (d.campaign ? <a href={"/campaigns/" + d.campaign}>{t("console.campaign_n", { id: String(d.campaign) })}</a> : <span class="dim">{t("console.no_answer")}</span>) },
        ]}
      />
    </Panel>
  );
}

type Doing = "revoke" | "replace" | "party" | undefined;

function Actions({ site, reload }: { site: Site; reload: () => void }) {
  const [doing, setDoing] = useState<Doing>();
  const [party, setParty] = useState(site.party);
  const [token, setToken] = useState<string>();
  const path = "/sites/" + encodeURIComponent(site.name);
  const close = (): void => {
    setDoing(undefined);
    reload();
  };
  if (!can("administrator") || site.status !== "approved") return null;
  return (
    <>
      <button type="button" onClick={() => setDoing("party")}>
        {t("console.set_party")}
      </button>
      <button type="button" onClick={() => setDoing("replace")}>
        {t("console.replace_keys")}
      </button>
      <button type="button" onClick={() => setDoing("revoke")}>
        {t("console.revoke")}
      </button>
      {doing === "revoke" && (
        <ActionDialog title={t("console.revoke_site", { site: site.name })} what={t("console.revoke_what")} confirm={t("console.revoke")} danger act={(reason) => api.post(path + "/revoke", { reason })} done={t("console.revoked", { site: site.name })} onClose={close} />
      )}
      {doing === "replace" && (
        <ActionDialog
          title={t("console.replace_site", { site: site.name })}
          what={t("console.replace_what")}
          confirm={t("console.replace_keys")}
          danger
          act={async (reason) => setToken((await api.post<{ token: string }>(path + "/replace", { reason, valid_ms: 86_400_000 })).token)}
          onClose={close}
        />
      )}
      {doing === "party" && (
        <ActionDialog title={t("console.party_of", { site: site.name })} what={t("console.party_what")} confirm={t("console.save")} reason="none" ready={party.trim() !== ""} act={() => api.post(path + "/party", { party: party.trim() })} onClose={close}>
          <Field label={t("console.party")}>{(p) => <input {...p} value={party} onInput={(e) => setParty(e.currentTarget.value)} />}</Field>
        </ActionDialog>
      )}
      {token && (
        <Dialog title={t("console.token_once")} onClose={() => setToken(undefined)}>
          <p>{t("console.token_once_help")}</p>
          <pre class="secret">
            {token} <Copy text={token} />
          </pre>
          <pre>andon-agent enrol TOKEN --site {site.name}</pre>
        </Dialog>
      )}
    </>
  );
}

export default function SiteScreen({ params }: { params: Params }) {
  const name = params.name!;
  const site = useResource<{ site: Site }>("/sites/" + encodeURIComponent(name), { on: ["site.", "alias.", "rollout."], every: 5000 });
  const fleet = useResource<{ fleet: FleetLine[] }>("/fleet", { on: ["site.", "alias.", "rollout."] });
  const s = site.data?.site;
  if (!s)
    return (
      <div class="page">
        <Head title={name} crumbs={[["/", t("console.fleet")]]} />
        <div class="panel">{site.error ? <Failed error={site.error} retry={site.reload} /> : <Loading />}</div>
      </div>
    );
  return (
    <div class="page">
      <Head
        title={name}
        crumbs={[["/", t("console.fleet")]]}
        under={
          <>
            <SiteState site={s} />
            {s.connected && s.state && <span>{word("console.doing", s.state)}</span>}
            {s.queued_alarms ? <State tone="warn">{t("console.queued", { n: s.queued_alarms })}</State> : null}
          </>
        }
      >
        <Actions key={s.party} site={s} reload={site.reload} />
      </Head>
      <section class="panel">
        <div class="inside">
          <Facts
            rows={[
              [t("console.party"), s.party || "–"],
              [t("console.agent"), s.agent ?? "–"],
              [t("console.seen"), <Time key="s" ms={s.seen_ms} />],
              [t("console.site_since"), <Time key="a" ms={s.since_ms} />],
              [t("console.keys_since"), <Time key="k" ms={s.keys_ms} />],
              [t("console.alarms_since_start"), s.alarms ?? "–"],
            ]}
          />
          <p style={{ marginTop: "12px" }} class="row">
            <span class="dim small">{t("console.fingerprint")}</span> <Fingerprint text={s.fingerprint} />
            {s.next_fingerprint && (
              <>
                <span class="dim small">{t("console.next_fingerprint")}</span> <Fingerprint text={s.next_fingerprint} />
              </>
            )}
          </p>
        </div>
      </section>
      <Lines site={s} fleet={(fleet.data?.fleet ?? []).filter((f) => f.site === name)} />
      <Alarms name={name} />
      <Drifts name={name} />
      <History name={name} />
      <Ledger name={name} bytes={s.bytes_received} />
    </div>
  );
}
