// All rollouts.
import { t, word } from "../base/i18n.ts";
import { to } from "../base/router.ts";
import { usePages } from "../shell/session.ts";
import { Empty, Failed, Hash, Head, Loading, Panel, State, Time } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";
import { Shares } from "./rollout_parts.tsx";
import { rolloutTone, Said } from "./work.tsx";
import type { RolloutAnswer } from "./work_shapes.ts";

export default function Rollouts() {
  const list = usePages<RolloutAnswer>("/rollouts", { key: "rollouts", id: (r) => r.id, on: ["rollout.", "site.report", "site.live"], every: 10_000 });
  const rs = list.rows;
  return (
    <div class="page">
      <Head title={t("work.rollouts")} under={rs && <span>{t("work.n_running", { n: rs.filter((r) => r.ended_ms === 0).length })}</span>} />
      <Panel title={t("work.rollouts")}>
        {!rs ? (
          list.error ? (
            <Failed error={list.error} retry={list.reload} />
          ) : (
            <Loading />
          )
        ) : (
          <Table
            caption={t("work.rollouts")}
            rows={rs}
            page={50}
            more={list.more}
            busy={list.busy}
            id={(r) => String(r.id)}
            empty={<Empty title={t("work.no_rollouts")}>{t("work.no_rollouts_help")}</Empty>}
            columns={[
              { id: "id", head: t("work.rollout_name"), cell: (r) => <a href={"/rollouts/" + r.id}>{r.id}</a>, by: (r) => -r.id },
              { id: "model", head: t("work.model"), cell: (r) => <><a href={to("/models/:name", { name: r.model })}>{r.model}</a> <Hash hash={r.version} n={8} href={"/versions/" + r.version} /></>, by: (r) => r.model },
              { id: "state", head: t("work.state"), cell: (r) => <State tone={rolloutTone[r.state] ?? "busy"}>{word("work.rollout", r.state)}</State>, by: (r) => r.state },
              { id: "sites", head: t("work.sites_of"), cell: (r) => <Shares stages={r.stages} />, by: (r) => r.stages.reduce((n, s) => n + s.sites, 0) },
              { id: "stage", head: t("work.stage"), cell: (r) => (r.at_once ? t("work.at_once") : t("work.n_of", { n: r.stage, all: r.stages.length })), by: (r) => r.stage },
              { id: "opened", head: t("work.opened"), cell: (r) => <Time ms={r.opened_ms} />, by: (r) => -r.opened_ms },
              { id: "waiting", head: t("work.now_or_outcome"), cell: (r) => <div class="small clamp"><Said text={r.waiting || r.reason} /></div> },
            ]}
          />
        )}
      </Panel>
    </div>
  );
}
