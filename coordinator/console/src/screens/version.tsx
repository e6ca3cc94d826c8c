// One version: what it is, how it was judged, where it came from, where it runs.
import { useState } from "preact/hooks";
import { absolute } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { to, type Params } from "../base/router.ts";
import type { Facts as VersionFacts, Version } from "../base/shapes.ts";
import { api, useResource } from "../shell/session.ts";
import { Bytes, Empty, Facts, Failed, Hash, Head, Loading, Panel, Said, State, Time, When, told } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { toast } from "../ui/toast.tsx";
import { VersionRole } from "./model.tsx";
import { figureName, Won } from "./model_compare.tsx";
import "./model.css";
import "./site.css";

interface Answer {
  version: Version;
  lineage: Version[];
  facts: VersionFacts;
}

function wins(better: string, value: string | undefined, against: string | undefined): boolean {
  if (value === undefined || against === undefined || Number(value) === Number(against)) return false;
  return better === "lower" ? Number(value) < Number(against) : better === "higher" && Number(value) > Number(against);
}

function Judged({ facts }: { facts: VersionFacts }) {
  return (
    <Panel
      title={t("console.judged")}
      actions={facts.figures && <span class="dim small">{t("console.judged_on", { sites: facts.evaluated_sites ?? 0, windows: facts.evaluated_windows ?? 0 })}</span>}
    >
      {facts.gate && (
        <div class="inside row">
          {facts.gate.passed ? <State tone="ok">{t("console.gate_passed")}</State> : <State tone="bad">{t("console.gate_stopped")}</State>}
          <span><Said>{facts.gate.reason}</Said></span>
        </div>
      )}
      <Table
        caption={t("console.judged")}
        rows={facts.figures ?? []}
        id={(f) => f.key}
        empty={<Empty title={t("console.not_judged")} />}
        columns={[
          { id: "key", head: t("console.figure"), cell: (f) => <span title={f.meaning}>{figureName(f)}</span> },
          { id: "value", head: t("console.this_version"), end: true, cell: (f) => <Won value={f.value} won={wins(f.better, f.value, f.against)} /> },
          { id: "against", head: facts.held_against ?? t("console.against"), end: true, cell: (f) => <Won value={f.against} won={wins(f.better, f.against, f.value)} /> },
          { id: "meaning", head: t("console.policy_meaning"), cell: (f) => <span class="dim"><Said>{f.meaning}</Said></span> },
        ]}
      />
    </Panel>
  );
}

function Card({ hash }: { hash: string }) {
  const [card, setCard] = useState<string>();
  async function show(): Promise<void> {
    try {
      setCard((await api.get<{ card: string }>(`/versions/${hash}/card`)).card);
    } catch (e) {
      toast(told(e), "bad");
    }
  }
  return (
    <Panel title={t("console.card")} actions={!card && <button type="button" onClick={() => void show()}>{t("console.card_show")}</button>}>
      {card ? (
        <pre class="card" tabIndex={0}>
          {card}
        </pre>
      ) : (
        <Empty title={t("console.card_help")} />
      )}
    </Panel>
  );
}

export default function VersionScreen({ params }: { params: Params }) {
  const hash = params.hash!;
  const answer = useResource<Answer>("/versions/" + hash, { on: ["alias.", "site.report"] });
  const a = answer.data;
  if (!a)
    return (
      <div class="page">
        <Head title={hash.slice(0, 12)} crumbs={[["/models", t("console.models")]]} />
        <div class="panel">{answer.error ? <Failed error={answer.error} retry={answer.reload} /> : <Loading />}</div>
      </div>
    );
  const f = a.facts;
  const stopped = f.campaign?.state === "STOPPED" && f.gate && !f.gate.passed ? { stopped: f.gate.reason } : {};
  const v: Version = { ...a.version, ...stopped, former: f.releases.length > 0 };
  const model = to("/models/:name", { name: v.model });
  return (
    <div class="page">
      <Head
        title={<Hash hash={v.hash} n={12} />}
        crumbs={[
          ["/models", t("console.models")],
          [model, v.model],
        ]}
        under={
          <>
            <VersionRole version={v} />
            <span>
              {t("console.made")} <Time ms={v.created_ms} />
            </span>
            {v.quarantined && <span>{v.quarantined}</span>}
          </>
        }
      >
        <a class="button" href={`${model}?tab=compare&a=${v.hash}`}>
          {t("console.tab_compare")}
        </a>
      </Head>
      <section class="panel">
        <div class="inside">
          <Facts
            rows={[
              [t("console.parent"), <Hash key="p" hash={v.parent} href={v.parent ? "/versions/" + v.parent : undefined} />],
              [t("console.generations"), f.generations],
              [t("console.campaign"), f.campaign ? <a key="c" href={"/campaigns/" + f.campaign.id}>{`${f.campaign.id}, ${word("console.campaign", f.campaign.state)}`}</a> : "–"],
              [t("console.size"), <Bytes key="s" n={f.size} />],
              [t("console.parameters"), f.bundle?.parameters ?? "–"],
              [t("console.detector"), f.bundle?.detector ?? "–"],
              [t("console.window"), f.bundle ? t("console.window_of", { n: f.bundle.window, sensors: f.bundle.n_sensors }) : "–"],
              [t("console.threshold"), f.bundle?.threshold_policy ?? "–"],
              [t("console.layout"), f.layout_difference ?? "–"],
            ]}
          />
          {f.campaign && (
            <p style={{ marginTop: "12px" }}>
              <span class="dim small">{t("console.made_because")}</span> <Said>{f.campaign.trigger}</Said>
            </p>
          )}
        </div>
      </section>
      <Judged facts={f} />
      <div class="columns">
        <Panel title={t("console.runs_on")}>
          {f.lines.length === 0 ? (
            <Empty title={t("console.runs_nowhere")} />
          ) : (
            <ul class="inside row">
              {f.lines.map((l) => (
                <li key={l}>
                  <a class="button" href={to("/sites/:name", { name: l.split("/")[0]! })}>
                    {l}
                  </a>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        <Panel title={t("console.released")}>
          <Table
            caption={t("console.released")}
            rows={f.releases}
            id={(r) => String(r.counter)}
            empty={<Empty title={t("console.not_released")} />}
            columns={[
              { id: "counter", head: t("console.release_no"), cell: (r) => r.counter },
              { id: "time", head: t("console.time"), cell: (r) => <When ms={r.time_ms} /> },
              { id: "by", head: t("console.by"), cell: (r) => r.actor },
              { id: "how", head: t("console.how"), cell: (r) => (r.delegation ? t("console.by_delegation") : t("console.by_root")) },
              { id: "expires", head: t("console.expires"), cell: (r) => <span title={absolute(r.expires_ms)}><Time ms={r.expires_ms} /></span> },
            ]}
          />
        </Panel>
      </div>
      <Panel title={t("console.rounds_of")} actions={<span class="dim small">{f.privacy}</span>}>
        <Table
          caption={t("console.rounds_of")}
          rows={[...f.rounds].reverse()}
          id={(r) => String(r.id)}
          page={10}
          empty={<Empty title={t("console.no_rounds")} />}
          columns={[
            { id: "id", head: t("console.round"), cell: (r) => <a href={"/rounds/" + r.id}>{r.id}</a>, by: (r) => r.id },
            { id: "kind", head: t("console.what"), cell: (r) => word("console.kind", r.kind), by: (r) => r.kind },
            { id: "sites", head: t("console.sites"), cell: (r) => r.sites, by: (r) => r.sites, end: true },
            { id: "protection", head: t("console.protection"), cell: (r) => <Said>{r.protection ?? ""}</Said> },
          ]}
        />
      </Panel>
      <Card hash={v.hash} />
    </div>
  );
}
