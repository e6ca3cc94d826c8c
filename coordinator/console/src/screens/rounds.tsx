// All rounds, the latest first: what runs now and what it waits for, and what has been.
import { t, word } from "../base/i18n.ts";
import { place, setQuery, to } from "../base/router.ts";
import type { Model, Round } from "../base/shapes.ts";
import { usePages, useResource } from "../shell/session.ts";
import { Bar, Duration, Empty, Failed, Head, Loading, Panel, State, Time } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { roundTone, Said } from "./work.tsx";

const isOpen = (r: Round): boolean => r.state !== "COMMITTED" && r.state !== "ABORTED";

export default function Rounds() {
  const model = place.value.query.get("model") ?? "";
  const list = usePages<Round>("/rounds", { key: "rounds", id: (r) => r.id, query: model ? { model } : {}, on: ["round."], every: 5000 });
  const models = useResource<{ models: Model[] }>("/models", { on: ["model."] });
  const rs = list.rows;
  const open = rs?.filter(isOpen) ?? [];
  return (
    <div class="page">
      <Head title={t("work.rounds")} under={rs && <span>{t("work.n_running", { n: open.length })}</span>}>
        {(models.data?.models.length ?? 0) > 1 && (
          <select class="filter" aria-label={t("work.model")} value={model} onChange={(e) => setQuery({ model: e.currentTarget.value })}>
            <option value="">{t("work.all_models")}</option>
            {models.data!.models.map((m) => (
              <option key={m.name}>{m.name}</option>
            ))}
          </select>
        )}
      </Head>
      {open.map((r) => (
        <div key={r.id} class="panel callout busy">
          <State tone="busy">{word("work.roundstate", r.state)}</State>
          <div>
            <strong>
              {t("work.round_n", { id: String(r.id) })}, {word("work.round", r.kind)}
            </strong>{" "}
            <a href={to("/models/:name", { name: r.model })}>{r.model}</a>
            <div>
              <Said text={r.waiting} />
            </div>
          </div>
          <span class="quorum">
            <Bar share={r.cohort ? r.delivered / r.cohort : 0} label={t("work.delivered")} />
            <span class="small">{t("work.n_delivered", { n: r.delivered, all: r.cohort ?? 0 })}</span>
          </span>
          <a class="button" href={"/rounds/" + r.id}>
            {t("work.go_round")}
          </a>
        </div>
      ))}
      <Panel title={t("work.rounds")}>
        {!rs ? (
          list.error ? (
            <Failed error={list.error} retry={list.reload} />
          ) : (
            <Loading />
          )
        ) : (
          <Table
            caption={t("work.rounds")}
            rows={rs}
            page={50}
            more={list.more}
            busy={list.busy}
            id={(r) => String(r.id)}
            empty={<Empty title={t("work.no_rounds_yet")}>{t("work.no_rounds_help")}</Empty>}
            columns={[
              { id: "id", head: t("work.round_name"), cell: (r) => <a href={"/rounds/" + r.id}>{r.id}</a>, by: (r) => -r.id },
              { id: "model", head: t("work.model"), cell: (r) => <a href={to("/models/:name", { name: r.model })}>{r.model}</a>, by: (r) => r.model },
              { id: "campaign", head: t("work.campaign_name"), cell: (r) => <a href={"/campaigns/" + r.campaign}>{r.campaign}</a>, by: (r) => r.campaign, end: true },
              { id: "kind", head: t("work.kind"), cell: (r) => word("work.round", r.kind), by: (r) => r.kind },
              { id: "state", head: t("work.state"), cell: (r) => <State tone={roundTone[r.state] ?? "busy"} title={r.reason ?? ""}>{word("work.roundstate", r.state)}</State>, by: (r) => r.state },
              { id: "sites", head: t("work.delivered"), cell: (r) => (r.cohort ? t("work.n_of", { n: r.delivered, all: r.cohort }) : r.delivered), by: (r) => r.delivered, end: true },
              { id: "privacy", head: t("work.epsilon"), cell: (r) => (r.privacy.brief === "none" ? <span class="dim">–</span> : <span title={r.privacy.text}>{r.privacy.brief}</span>) },
              { id: "opened", head: t("work.opened"), cell: (r) => <Time ms={r.opened_ms} />, by: (r) => -r.opened_ms },
              { id: "took", head: t("work.took"), cell: (r) => (r.ended_ms ? <Duration ms={r.ended_ms - r.opened_ms} /> : "–"), by: (r) => (r.ended_ms ? r.ended_ms - r.opened_ms : undefined), end: true },
              { id: "reason", head: t("work.reason"), cell: (r) => <div class="small clamp"><Said text={r.waiting || r.reason} /></div> },
            ]}
          />
        )}
      </Panel>
    </div>
  );
}
