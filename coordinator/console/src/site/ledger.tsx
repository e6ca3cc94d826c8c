// What left this site: when, what in plain words, how large, and who can read it.
import { useState } from "preact/hooks";
import { formatNumber, t, word } from "../base/i18n.ts";
import { Bytes, Empty, Facts, Failed, Head, Loading, Panel, told } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { toast } from "../ui/toast.tsx";
import { api, useResource } from "./agent.ts";
import { clockTime, shortTime, useKept } from "./parts.tsx";
import type { Entry, Ledger } from "./shapes.ts";

const PAGE = 50;

export function LedgerScreen() {
  const { data, error, reload } = useResource<Ledger>("/ledger", { query: { last: PAGE }, every: 5000 });
  const [older, setOlder] = useState<Entry[]>([]);
  const [busy, setBusy] = useState(false);
  const l = useKept(data);
  if (!l) return error ? <Failed error={error} retry={reload} /> : <Loading />;
  const known = new Set(l.entries.map((e) => e.id));
  const all = [...l.entries, ...older.filter((e) => !known.has(e.id))];
  const last = all.at(-1)?.id ?? 0;

  async function more(): Promise<void> {
    setBusy(true);
    try {
      const next = await api.get<Ledger>("/ledger", { before: last, last: PAGE });
      setOlder([...all, ...next.entries]);
    } catch (e) {
      toast(told(e), "bad");
    }
    setBusy(false);
  }

  return (
    <div class="page">
      <Head title={t("site.ledger")} under={t("site.ledger_help")} />
      <Panel title={t("site.left_site")}>
        <div class="inside">
          <Facts
            rows={[
              [t("site.left_day"), <Bytes n={l.day_bytes} />],
              [t("site.left_day_n"), formatNumber(l.day_rows)],
              [t("site.left_all"), <Bytes n={l.bytes} />],
              [t("site.left_all_n"), formatNumber(l.rows)],
            ]}
          />
        </div>
        <Table
          caption={t("site.ledger")}
          rows={all}
          id={(e) => String(e.id)}
          page={PAGE}
          busy={busy}
          more={all.length < l.rows ? () => void more() : undefined}
          empty={<Empty title={t("site.ledger_empty")} />}
          columns={[
            { id: "time", head: t("site.c_time"), cell: (e) => <span class="nowrap" title={clockTime(e.time_ms)}>{shortTime(e.time_ms)}</span> },
            { id: "what", head: t("site.c_what"), cell: (e) => e.words },
            { id: "who", head: t("site.c_who"), cell: (e) => e.protection || <span class="dim">–</span> },
            { id: "kind", head: t("site.c_kind"), cell: (e) => word("site.left", e.kind) },
            { id: "round", head: t("site.c_round"), cell: (e) => (e.round ? e.round : ""), end: true },
            { id: "bytes", head: t("site.c_bytes"), cell: (e) => <Bytes n={e.bytes} />, end: true },
          ]}
        />
      </Panel>
    </div>
  );
}
