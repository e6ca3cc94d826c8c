import { absolute, bytes } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { setQuery } from "../base/router.ts";
import type { Facts as VersionFacts, Figure, Version } from "../base/shapes.ts";
import { useResource } from "../shell/session.ts";
import { Empty, Failed, Hash, Loading, Panel, State } from "../ui/bits.tsx";
import { Field } from "../ui/dialog.tsx";
import { Table } from "../ui/table.tsx";
import { roleOf } from "./version_state.ts";

interface Compared {
  a: VersionFacts;
  b: VersionFacts;
  layout_difference: string;
  common?: string;
  steps_a?: number;
  steps_b?: number;
  figures: Figure[];
}

export const versionName = (v: Version): string => `${v.hash.slice(0, 10)} · ${word("console.version_role", roleOf(v))} · ${absolute(v.created_ms)}`;

function Choice({ label, versions, value, set }: { label: string; versions: Version[]; value: string; set: (hash: string) => void }) {
  return (
    <Field label={label}>
      {(p) => (
        <select {...p} value={value} onChange={(e) => set(e.currentTarget.value)}>
          {versions.map((v) => (
            <option key={v.hash} value={v.hash}>
              {versionName(v)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function figureName(f: Figure): string {
  return word("console.figure", f.key.replace(/\./g, "_"));
}

export function Compare({ versions, production, query }: { versions: Version[]; production: string | null; query: URLSearchParams }) {
  const judged = versions.filter((v) => v.evaluated || v.aliases.length > 0);
  const list = judged.length > 1 ? judged : versions;
  const b = query.get("b") ?? production ?? list.at(-1)?.hash ?? "";
  const a = query.get("a") ?? list.find((v) => v.hash !== b)?.hash ?? "";
  const compared = useResource<Compared>(a && b && a !== b ? `/versions/${a}/compare` : null, { query: { subject: b }, every: 0 });
  if (versions.length < 2)
    return (
      <div class="panel">
        <Empty title={t("console.compare_two")} />
      </div>
    );
  const c = compared.data;
  const facts = (f: VersionFacts): [string, string][] => [
    [t("console.created"), absolute(f.created_ms)],
    [t("console.generations"), String(f.generations)],
    [t("console.size"), bytes(f.size)],
    [t("console.parameters"), f.bundle ? String(f.bundle.parameters) : "–"],
    [t("console.detector"), f.bundle?.detector ?? "–"],
    [t("console.threshold"), f.bundle?.threshold_policy ?? "–"],
    [t("console.campaign"), f.campaign ? `${f.campaign.id}, ${word("console.campaign", f.campaign.state)}` : "–"],
    [t("console.gate"), f.gate ? f.gate.reason : "–"],
    [t("console.privacy"), f.privacy],
    [t("console.runs_on"), f.lines.join(", ") || "–"],
  ];
  return (
    <>
      <div class="columns">
        <Choice label={t("console.compare_a")} versions={list} value={a} set={(v) => setQuery({ a: v })} />
        <Choice label={t("console.compare_b")} versions={list} value={b} set={(v) => setQuery({ b: v })} />
      </div>
      <Panel title={t("console.figures")} actions={c?.layout_difference && <span class="dim small">{t("console.layout_diff", { text: c.layout_difference })}</span>}>
        {a === b ? (
          <Empty title={t("console.compare_same")} />
        ) : compared.error ? (
          <Failed error={compared.error} retry={compared.reload} />
        ) : !c ? (
          <Loading />
        ) : (
          <Table
            caption={t("console.figures")}
            rows={c.figures}
            id={(f) => f.key}
            empty={<Empty title={t("console.not_judged")} />}
            columns={[
              { id: "key", head: t("console.figure"), cell: (f) => figureName(f) },
              { id: "a", head: a.slice(0, 8), end: true, cell: (f) => <Won value={f.a} won={f.winner === "a"} /> },
              { id: "b", head: b.slice(0, 8), end: true, cell: (f) => <Won value={f.b} won={f.winner === "b"} /> },
              { id: "better", head: t("console.better"), cell: (f) => word("console.better", f.better) },
            ]}
          />
        )}
      </Panel>
      {c && a !== b && (
        <Panel title={t("console.side_by_side")}>
          <Table
            caption={t("console.side_by_side")}
            rows={facts(c.a).map(([name, value], i) => ({ name, a: value, b: facts(c.b)[i]![1] }))}
            id={(r) => r.name}
            columns={[
              { id: "name", head: t("console.what"), cell: (r) => <span class="dim">{r.name}</span> },
              { id: "a", head: a.slice(0, 8), cell: (r) => r.a },
              { id: "b", head: b.slice(0, 8), cell: (r) => (r.a === r.b ? <span class="dim">{r.b}</span> : r.b) },
            ]}
          />
          {c.common && (
            <p class="inside">
              {t("console.common")} <Hash hash={c.common} href={"/versions/" + c.common} /> {t("console.steps", { a: c.steps_a ?? 0, b: c.steps_b ?? 0 })}
            </p>
          )}
        </Panel>
      )}
    </>
  );
}

export function Won({ value, won }: { value: string | undefined; won: boolean }) {
  return (
    <span class="row" style={{ justifyContent: "flex-end" }}>
      {won && <State tone="ok">{t("console.wins")}</State>}
      <span class="mono" style={won ? { fontWeight: 700 } : undefined}>
        {value ?? "–"}
      </span>
    </span>
  );
}
