// All campaigns, and a new one.
import { useState } from "preact/hooks";
import { t, word } from "../base/i18n.ts";
import { navigate, place, setQuery, to } from "../base/router.ts";
import type { Model, Privacy } from "../base/shapes.ts";
import { api, usePages, useResource } from "../shell/session.ts";
import { Bar, Duration, Empty, Failed, Head, Loading, Notice, Panel, Time } from "../ui/bits.tsx";
import { ActionDialog, Field } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { CampaignState, mayAll, Said } from "./work.tsx";
import type { Work } from "./work_shapes.ts";

function PrivacyNote({ model }: { model: string }) {
  const r = useResource<{ privacy: Privacy }>(model ? `/models/${encodeURIComponent(model)}/privacy` : null);
  const p = r.data?.privacy;
  if (!p) return null;
  return (
    <p class="dim small">
      {p.unit === "none" ? t("work.no_noise") : <Said text={p.text} />}
      {p.ratio !== undefined && p.ratio > 1 && <Notice tone="warn" title={t("work.noise_buries")} />}
    </p>
  );
}

function NewCampaign({ models, onClose }: { models: Model[]; onClose: () => void }) {
  const [model, setModel] = useState(models[0]?.name ?? "");
  const [kind, setKind] = useState("training");
  const [rounds, setRounds] = useState("");
  const [confirm, setConfirm] = useState(false);
  const has = !!models.find((m) => m.name === model)?.production;
  const shown = has ? kind : "training";
  return (
    <ActionDialog
      title={t("work.new_campaign")}
      what={<p class="dim">{t("work.new_campaign_what")}</p>}
      confirm={t("work.start")}
      ready={model !== ""}
      act={async (reason) => {
        const made = await api.post<{ campaign: Work }>("/campaigns", { model, kind: shown, reason, ...(rounds ? { rounds: Number(rounds) } : {}), ...(confirm ? { confirm: true } : {}) });
        navigate("/campaigns/" + made.campaign.id);
      }}
      onClose={onClose}
    >
      <Field label={t("work.model")}>
        {(p) => (
          <select {...p} value={model} onChange={(e) => setModel(e.currentTarget.value)}>
            {models.map((m) => (
              <option key={m.name}>{m.name}</option>
            ))}
          </select>
        )}
      </Field>
      <Field label={t("work.kind")} help={word("work.will", shown)}>
        {(p) => (
          <select {...p} value={shown} onChange={(e) => setKind(e.currentTarget.value)}>
            <option value="training">{word("work.kind", "training")}</option>
            {has && <option value="incremental">{word("work.kind", "incremental")}</option>}
          </select>
        )}
      </Field>
      <Field label={t("work.rounds_wanted")} help={t("work.rounds_wanted_help")}>
        {(p) => <input {...p} type="number" min={1} max={10000} value={rounds} onInput={(e) => setRounds(e.currentTarget.value)} />}
      </Field>
      <PrivacyNote model={model} />
      <label class="row small">
        <input type="checkbox" checked={confirm} onChange={(e) => setConfirm(e.currentTarget.checked)} />
        {t("work.confirm_noise")}
      </label>
    </ActionDialog>
  );
}

export const campaignTime = (k: Work) => (k.ended_ms > 0 ? <Duration ms={k.ended_ms - k.opened_ms} /> : <span class="dim">{t("work.not_over")}</span>);

export default function Campaigns() {
  const [fresh, setFresh] = useState(false);
  const model = place.value.query.get("model") ?? "";
  const list = usePages<Work>("/campaigns", { key: "campaigns", id: (k) => k.id, query: model ? { model } : {}, on: ["campaign.", "round.opened", "round.ended", "rollout."], every: 10_000 });
  const models = useResource<{ models: Model[] }>("/models", { on: ["model.", "alias."] });
  const ks = list.rows;
  return (
    <div class="page">
      <Head
        title={t("work.campaigns")}
        under={
          ks && (
            <>
              <span>{t("work.n_running", { n: ks.filter((k) => k.state === "RUNNING").length })}</span>
              <span>{t("work.n_ask", { n: ks.filter((k) => k.asks).length })}</span>
            </>
          )
        }
      >
        {(models.data?.models.length ?? 0) > 1 && (
          <select class="filter" aria-label={t("work.model")} value={model} onChange={(e) => setQuery({ model: e.currentTarget.value })}>
            <option value="">{t("work.all_models")}</option>
            {models.data!.models.map((m) => (
              <option key={m.name}>{m.name}</option>
            ))}
          </select>
        )}
        {mayAll("engineer") && models.data && (
          <button type="button" class="primary" onClick={() => setFresh(true)}>
            <Icon name="campaign" />
            {t("work.new_campaign")}
          </button>
        )}
      </Head>
      {fresh && <NewCampaign models={models.data!.models} onClose={() => setFresh(false)} />}
      <Panel title={t("work.campaigns")}>
        {!ks ? (
          list.error ? (
            <Failed error={list.error} retry={list.reload} />
          ) : (
            <Loading />
          )
        ) : (
          <Table
            caption={t("work.campaigns")}
            rows={ks}
            page={50}
            more={list.more}
            busy={list.busy}
            id={(k) => String(k.id)}
            empty={<Empty title={t("work.no_campaigns")}>{t("work.no_campaigns_help")}</Empty>}
            columns={[
              { id: "id", head: t("work.campaign_name"), cell: (k) => <a href={"/campaigns/" + k.id}>{k.id}</a>, by: (k) => -k.id },
              { id: "model", head: t("work.model"), cell: (k) => <a href={to("/models/:name", { name: k.model })}>{k.model}</a>, by: (k) => k.model },
              { id: "kind", head: t("work.kind"), cell: (k) => word("work.kind", k.kind), by: (k) => k.kind },
              { id: "state", head: t("work.state"), cell: (k) => <div><CampaignState state={k.state} reason={k.reason} />{k.asks === "promotion" && <div class="small">{t("work.asks")}</div>}</div>, by: (k) => k.state },
              { id: "why", head: t("work.why"), cell: (k) => <div>{word("work.cause", k.cause)}{k.scope && <>, {word("work.scope", k.scope)}</>}<div class="dim small clamp"><Said text={k.trigger} /></div></div>, by: (k) => k.cause },
              { id: "step", head: t("work.progress"), cell: (k) => <span class="quorum"><Bar share={k.steps ? k.step / k.steps : 0} label={t("work.rounds_done", { n: k.step, all: k.steps })} /><span class="small">{t("work.rounds_done", { n: k.step, all: k.steps })}</span></span>, by: (k) => (k.steps ? k.step / k.steps : 0) },
              { id: "opened", head: t("work.opened"), cell: (k) => <div><Time ms={k.opened_ms} /><div class="dim small">{campaignTime(k)}</div></div>, by: (k) => -k.opened_ms },
              { id: "reason", head: t("work.outcome_name"), cell: (k) => <div class="small clamp"><Said text={k.over ? k.reason : k.waiting} /></div> },
            ]}
          />
        )}
      </Panel>
    </div>
  );
}
