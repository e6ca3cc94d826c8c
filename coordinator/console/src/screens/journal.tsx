// The journal: who did what, and why, the newest first and live; whoever audits it has it checked and takes it along.
import { useEffect, useRef, useState } from "preact/hooks";
import { t, word } from "../base/i18n.ts";
import { place, setQuery } from "../base/router.ts";
import type { JournalRecord } from "../base/shapes.ts";
import { api, can, session, usePages } from "../shell/session.ts";
import { Empty, Facts, Failed, Hash, Head, Loading, Panel, State, told, When } from "../ui/bits.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { Said } from "./work.tsx";
import { kinds } from "./journal_kinds.ts";

const DAY = 86_400_000;
const areas = [...new Set(kinds.map((k) => k.split(".")[0] + "."))];

/** What goes on all the time by itself: shown when it is asked for. */
const ROUTINE = ["clock.seen", "site.live", "site.counts", "round.event"];
/** What is shown is fetched on until so many records fit, in so many pieces at most. */
const ENOUGH = 30;
const PIECES = 8;

interface Verified {
  intact: boolean;
  records: number;
  reports: number;
  reports_plain: number;
  releases: number;
  delegations: number;
  rotations: number;
  detail?: string;
  last: number;
  chain: string;
}

function Verify() {
  const [busy, setBusy] = useState(false);
  const [answer, setAnswer] = useState<Verified>();
  const [wrong, setWrong] = useState<string>();
  async function run(): Promise<void> {
    setBusy(true);
    setWrong(undefined);
    try {
      setAnswer(await api.get<Verified>("/journal/verify"));
    } catch (e) {
      setWrong(told(e));
    }
    setBusy(false);
  }
  return (
    <Panel
      title={t("work.verify")}
      actions={
        <button type="button" disabled={busy} onClick={() => void run()}>
          <Icon name="ok" />
          {t(busy ? "base.working" : "work.verify_do")}
        </button>
      }
    >
      <div class="inside stack4" aria-live="polite">
        <p class="dim">{t("work.verify_help")}</p>
        {wrong && <State tone="bad">{wrong}</State>}
        {answer && (
          <>
            <div class="row">
              <State tone={answer.intact ? "ok" : "bad"}>{t(answer.intact ? "work.intact" : "work.broken")}</State>
              {answer.detail && <Said text={answer.detail} />}
            </div>
            <Facts
              rows={[
                [t("work.n_records"), t("work.n_plain", { n: answer.records })],
                [t("work.signed_reports"), t("work.n_of_unsigned", { n: answer.reports, plain: answer.reports_plain })],
                [t("work.signed_releases"), t("work.n_plain", { n: answer.releases })],
                [t("work.signed_delegations"), t("work.n_plain", { n: answer.delegations })],
                [t("work.root_changes"), t("work.n_plain", { n: answer.rotations })],
                [t("work.head_of_chain"), <Hash hash={answer.chain} n={16} />],
              ]}
            />
          </>
        )}
      </div>
    </Panel>
  );
}

/** All records as lines of JSON, piece by piece: they can be checked without the coordinator. */
function Export() {
  const [n, setN] = useState<number>();
  const [wrong, setWrong] = useState<string>();
  async function run(): Promise<void> {
    setWrong(undefined);
    setN(0);
    try {
      const parts: string[] = [];
      let after = 0;
      let count = 0;
      for (;;) {
        const page = await api.get<{ lines: string; records: number; last: number }>("/journal/export", { after });
        if (page.records === 0) break;
        parts.push(page.lines);
        count += page.records;
        after = page.last;
        setN(count);
      }
      const url = URL.createObjectURL(new Blob(parts, { type: "application/x-ndjson" }));
      const a = document.createElement("a");
      a.href = url;
      a.download = `andon-journal-${after}.jsonl`;
      a.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
    } catch (e) {
      setWrong(told(e));
    }
    setN(undefined);
  }
  return (
    <>
      <button type="button" disabled={n !== undefined} onClick={() => void run()}>
        <Icon name="down" />
        {n === undefined ? t("work.export") : t("work.exporting", { n })}
      </button>
      {wrong && <State tone="bad">{wrong}</State>}
    </>
  );
}

const iconOf = (kind: string): IconName =>
  ({ site: "fleet", user: "users", model: "model", version: "model", alias: "model", release: "release", delegation: "release", root: "key", roster: "key", round: "round", campaign: "campaign", refit: "campaign", rollout: "rollout", drift: "drift", alarm: "alarm", group: "fleet", proposal: "users" } as Record<string, IconName>)[kind.split(".")[0]!] ?? "journal";

/** "user/mia" is a person, "site/plant-a" a site, and the coordinator itself. */
function Actor({ actor }: { actor: string }) {
  const person = actor.startsWith("user/");
  const name = actor.replace(/^(user|site)\//, "");
  return (
    <span class="nowrap">
      <Icon name={person ? "users" : actor.startsWith("site/") ? "fleet" : "model"} title={t(person ? "work.a_person" : actor.startsWith("site/") ? "work.a_site" : "work.the_coordinator")} /> {person ? <strong>{name}</strong> : name}
    </span>
  );
}

const reasonOf = (r: JournalRecord): string | undefined => {
  const b = r.body;
  const text = b?.reason ?? b?.trigger;
  return typeof text === "string" && text !== "" ? text : undefined;
};

function Body({ r }: { r: JournalRecord }) {
  return (
    <details class="more-of">
      <summary>{t("work.record_n", { id: String(r.seq) })}</summary>
      <dl class="record">
        <dt>{t("work.kind")}</dt>
        <dd class="mono">{r.kind}</dd>
        <dt>{t("work.subject")}</dt>
        <dd class="mono">{r.subject}</dd>
        {Object.entries(r.body ?? {}).map(([k, v]) => [
          <dt key={k}>{k}</dt>,
          <dd key={k + "="} class="mono">
            {typeof v === "object" ? JSON.stringify(v) : String(v)}
          </dd>,
        ])}
        <dt>{t("work.chain")}</dt>
        <dd class="mono">{r.chain}</dd>
      </dl>
    </details>
  );
}

const dayOf = (text: string, end: boolean): number | undefined => {
  const ms = text ? new Date(text + "T00:00:00").getTime() : NaN;
  return Number.isFinite(ms) ? ms + (end ? DAY - 1 : 0) : undefined;
};

export default function Journal() {
  const q = place.value.query;
  const get = (k: string): string => q.get(k) ?? "";
  const people = get("people") === "1";
  const routine = get("routine") === "1" || ROUTINE.includes(get("kind"));
  const since = dayOf(get("since"), false);
  const until = dayOf(get("until"), true);
  const list = usePages<JournalRecord>("/journal", {
    key: "records",
    id: (r) => r.seq,
    query: { newest: true, ...(get("kind") ? { kind: get("kind") } : {}), ...(get("subject") ? { subject: get("subject") } : {}), ...(get("by") || people ? { by: get("by") || "user/" } : {}), ...(since !== undefined ? { since } : {}), ...(until !== undefined ? { until } : {}) },
    on: areas,
    limit: 200,
  });
  const rows = list.rows?.filter((r) => routine || !ROUTINE.includes(r.kind));
  const pieces = useRef({ of: "", n: 0 });
  const form = q.toString();
  useEffect(() => {
    if (pieces.current.of !== form) pieces.current = { of: form, n: 0 };
    if (!rows || rows.length >= ENOUGH || !list.more || list.busy || pieces.current.n >= PIECES) return;
    pieces.current.n++;
    list.more();
  });
  const whole = session.value?.sites.length === 0;
  const filtered = ["kind", "subject", "by", "since", "until", "people", "routine"].some((k) => get(k));
  return (
    <div class="page">
      <Head title={t("work.journal")} under={<span>{t("work.journal_under")}</span>}>
        {whole && can("operator") && <Export />}
      </Head>
      {whole && can("operator") && <Verify />}
      <Panel title={t("work.records")} actions={filtered ? <button type="button" class="plain tiny" onClick={() => setQuery({ kind: "", subject: "", by: "", since: "", until: "", people: "", routine: "" })}>{t("work.clear_filters")}</button> : undefined}>
        <div class="filters">
          <label>
            {t("work.kind")}
            <select value={get("kind")} onChange={(e) => setQuery({ kind: e.currentTarget.value })}>
              <option value="">{t("work.any_kind")}</option>
              {kinds.map((k) => (
                <option key={k} value={k}>
                  {word("work.rec", k)}
                </option>
              ))}
            </select>
          </label>
          <label>
            {t("work.subject")}
            <input type="search" value={get("subject")} placeholder={t("work.subject_like")} onChange={(e) => setQuery({ subject: e.currentTarget.value.trim() })} />
          </label>
          <label>
            {t("work.who")}
            <input type="search" value={get("by")} placeholder="user/admin" onChange={(e) => setQuery({ by: e.currentTarget.value.trim() })} />
          </label>
          <label>
            {t("work.from_day")}
            <input type="date" value={get("since")} onChange={(e) => setQuery({ since: e.currentTarget.value })} />
          </label>
          <label>
            {t("work.to_day")}
            <input type="date" value={get("until")} onChange={(e) => setQuery({ until: e.currentTarget.value })} />
          </label>
          <label class="check">
            <input type="checkbox" checked={people} onChange={(e) => setQuery({ people: e.currentTarget.checked ? "1" : "" })} />
            {t("work.people_only")}
          </label>
          <label class="check">
            <input type="checkbox" checked={routine} onChange={(e) => setQuery({ routine: e.currentTarget.checked ? "1" : "" })} />
            {t("work.routine")}
          </label>
        </div>
        {!rows ? (
          list.error ? (
            <Failed error={list.error} retry={list.reload} />
          ) : (
            <Loading />
          )
        ) : (
          <Table
            caption={t("work.journal")}
            rows={rows}
            page={100}
            more={list.more}
            busy={list.busy}
            id={(r) => String(r.seq)}
            empty={<Empty title={t("work.no_records")} />}
            columns={[
              { id: "time", head: t("work.when"), cell: (r) => <When ms={r.time_ms} /> },
              { id: "who", head: t("work.who"), cell: (r) => <Actor actor={r.actor} /> },
              {
                id: "what",
                head: t("work.what"),
                cell: (r) => (
                  <div>
                    <div class="small dim">
                      <Icon name={iconOf(r.kind)} /> {word("work.rec", r.kind)}
                    </div>
                    <Said text={r.line.replace(/^\S+ \S+ +/, "")} />
                    <Body r={r} />
                  </div>
                ),
              },
              { id: "why", head: t("work.why"), cell: (r) => (reasonOf(r) ? <Said text={reasonOf(r)} /> : <span class="dim">–</span>) },
            ]}
          />
        )}
      </Panel>
    </div>
  );
}
