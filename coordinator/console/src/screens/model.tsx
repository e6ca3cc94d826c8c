// One model: its versions and where they come from, two of them compared, its aliases, policy and privacy.
import { useState } from "preact/hooks";
import { t, word } from "../base/i18n.ts";
import { place, type Params } from "../base/router.ts";
import type { Campaign, Model, Move, Rollout, Version } from "../base/shapes.ts";
import { api, can, usePages, useResource } from "../shell/session.ts";
import { Bytes, Empty, Failed, Hash, Head, Loading, Panel, Said, State, Tabs, When, type Tone } from "../ui/bits.tsx";
import { ActionDialog, Field, proposalOf } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { toast } from "../ui/toast.tsx";
import { LineageGraph } from "./lineage_graph.tsx";
import { Compare, versionName } from "./model_compare.tsx";
import { Policy } from "./model_policy.tsx";
import { Privacy } from "./model_privacy.tsx";
import { Proposed, useProposed } from "./proposed.tsx";
import { roleOf, withFate } from "./version_state.ts";
import "./model.css";

const TABS = ["versions", "compare", "aliases", "policy", "privacy"] as const;
const TONES: Record<string, Tone> = { production: "ok", canary: "busy", candidate: "wait", quarantined: "bad", stopped: "bad", former: "idle", judged: "info", made: "idle" };

export const VersionRole = ({ version }: { version: Version }) => (
  <State tone={TONES[roleOf(version)]!} title={version.quarantined ?? version.stopped}>
    {word("console.version_role", roleOf(version))}
  </State>
);

interface Moved {
  waiting?: number;
  rollouts?: Rollout[];
}

/** A release that has to be signed is not there yet: that is said. */
function tellMoved(answer: Moved): Moved {
  if (answer.waiting) toast(t("console.waits_release", { n: String(answer.waiting) }), "info");
  else if (proposalOf(answer) === undefined) toast(t("console.moved"), "ok");
  return answer;
}

function Promote({ model, versions, first, onClose }: { model: Model; versions: Version[]; first?: string; onClose: () => void }) {
  const list = versions.filter((v) => v.hash !== model.production && !v.pruned && v.quarantined === undefined);
  const [version, setVersion] = useState(first ?? list.find((v) => v.evaluated)?.hash ?? list[0]?.hash ?? "");
  const [atOnce, setAtOnce] = useState(false);
  const chosen = versions.find((v) => v.hash === version);
  return (
    <ActionDialog
      title={t("console.promote_of", { model: model.name })}
      what={t("console.promote_what")}
      confirm={t("console.promote")}
      ready={version !== ""}
      act={async (reason) => tellMoved(await api.post<Moved>(`/models/${encodeURIComponent(model.name)}/promote`, { version, reason, at_once: atOnce }))}
      onClose={onClose}
    >
      <Field label={t("console.version")} help={chosen && !chosen.evaluated ? t("console.promote_unjudged") : undefined}>
        {(p) => (
          <select {...p} value={version} onChange={(e) => setVersion(e.currentTarget.value)}>
            {list.map((v) => (
              <option key={v.hash} value={v.hash}>
                {versionName(v)}
              </option>
            ))}
          </select>
        )}
      </Field>
      <label class="row">
        <input type="checkbox" checked={atOnce} onChange={(e) => setAtOnce(e.currentTarget.checked)} />
        {t("console.at_once")}
      </label>
    </ActionDialog>
  );
}

function Rollback({ model, onClose }: { model: Model; onClose: () => void }) {
  const history = useResource<{ moves?: Move[] }>("/history/" + encodeURIComponent(model.name), { every: 0 });
  const last = (history.data?.moves ?? []).filter((m) => m.alias === "production").at(-1);
  return (
    <ActionDialog
      title={t("console.rollback_of", { model: model.name })}
      what={
        last?.from ? (
          <>
            {t("console.rollback_what")} <Hash hash={last.from} />
          </>
        ) : (
          t("console.rollback_what_none")
        )
      }
      confirm={t("console.rollback")}
      danger
      act={async (reason) => tellMoved(await api.post<Moved>(`/models/${encodeURIComponent(model.name)}/rollback`, { reason }))}
      onClose={onClose}
    />
  );
}

function Versions({ model, versions, more, busy }: { model: Model; versions: Version[]; more: (() => void) | undefined; busy: boolean }) {
  const [all, setAll] = useState(false);
  const shown = all ? versions : versions.filter((v) => v.aliases.length > 0 || v.evaluated || v.quarantined !== undefined);
  return (
    <>
      <Panel title={t("console.lineage")} actions={<span class="dim small">{t("console.lineage_help")}</span>}>
        {versions.length === 0 ? <Empty title={t("console.no_versions")}>{t("console.no_versions_help")}</Empty> : <LineageGraph versions={versions} production={model.production} />}
      </Panel>
      <Panel
        title={t("console.versions")}
        actions={
          <label class="row small">
            <input type="checkbox" checked={all} onChange={(e) => setAll(e.currentTarget.checked)} />
            {t("console.all_versions", { n: versions.length })}
          </label>
        }
      >
        <Table
          caption={t("console.versions")}
          rows={shown}
          id={(v) => v.hash}
          empty={<Empty title={t("console.no_versions_judged")} />}
          page={50}
          more={more}
          busy={busy}
          columns={[
            { id: "hash", head: t("console.version"), cell: (v) => <Hash hash={v.hash} href={"/versions/" + v.hash} /> },
            { id: "role", head: t("console.state"), cell: (v) => <VersionRole version={v} />, by: (v) => roleOf(v) },
            { id: "created", head: t("console.created"), cell: (v) => <When ms={v.created_ms} />, by: (v) => v.created_ms },
            { id: "campaign", head: t("console.campaign"), cell: (v) => (v.campaign ? <a href={"/campaigns/" + v.campaign}>{v.campaign}</a> : "–"), by: (v) => v.campaign, end: true },
            { id: "round", head: t("console.round"), cell: (v) => (v.round ? <a href={"/rounds/" + v.round}>{v.round}</a> : "–"), by: (v) => v.round, end: true },
            { id: "size", head: t("console.size"), cell: (v) => <Bytes n={v.size} />, by: (v) => v.size, end: true },
            { id: "parent", head: t("console.parent"), cell: (v) => <Hash hash={v.parent} n={8} href={v.parent ? "/versions/" + v.parent : undefined} /> },
            { id: "kept", head: t("console.kept"), cell: (v) => (v.pruned ? <span class="dim">{t("console.pruned")}</span> : t("console.kept_yes")) },
          ]}
        />
      </Panel>
    </>
  );
}

function Aliases({ name }: { name: string }) {
  const history = useResource<{ moves?: Move[] }>("/history/" + encodeURIComponent(name), { on: ["alias."] });
  const moves = [...(history.data?.moves ?? [])].reverse();
  return (
    <Panel title={t("console.alias_history")}>
      {history.error ? (
        <Failed error={history.error} retry={history.reload} />
      ) : !history.data ? (
        <Loading />
      ) : (
        <Table
          caption={t("console.alias_history")}
          rows={moves}
          id={(m) => String(m.seq)}
          empty={<Empty title={t("console.no_moves")} />}
          columns={[
            { id: "time", head: t("console.time"), cell: (m) => <When ms={m.time_ms} />, by: (m) => m.time_ms },
            { id: "alias", head: t("console.alias"), cell: (m) => <State tone={TONES[m.alias] ?? "idle"}>{word("console.version_role", m.alias)}</State>, by: (m) => m.alias },
            { id: "from", head: t("console.from_version"), cell: (m) => <Hash hash={m.from} href={m.from ? "/versions/" + m.from : undefined} /> },
            { id: "to", head: t("console.to_version"), cell: (m) => <Hash hash={m.to} href={m.to ? "/versions/" + m.to : undefined} /> },
            { id: "actor", head: t("console.by"), cell: (m) => m.actor, by: (m) => m.actor },
            { id: "reason", head: t("base.reason"), cell: (m) => <Said>{m.reason ?? ""}</Said> },
            { id: "seq", head: t("console.journal_no"), cell: (m) => <a href={"/journal?after=" + (m.seq - 1)}>{m.seq}</a>, end: true },
          ]}
        />
      )}
    </Panel>
  );
}

export default function ModelScreen({ params }: { params: Params }) {
  const name = params.name!;
  const query = place.value.query;
  const tab = TABS.find((x) => x === query.get("tab")) ?? "versions";
  const model = useResource<{ model: Model }>("/models/" + encodeURIComponent(name), { on: ["alias.", "version.", "model.", "rollout."] });
  const versions = usePages<Version>("/versions", { key: "versions", id: (v) => v.hash, limit: 1000, query: { model: name }, on: ["alias.", "version.", "campaign.gated"] });
  const [doing, setDoing] = useState<"promote" | "rollback">();
  const proposed = useProposed();
  const path = "/models/" + encodeURIComponent(name);
  const promoting = proposed(path + "/promote");
  const going = proposed(path + "/rollback");
  const m = model.data?.model;
  const campaigns = useResource<{ campaigns: Campaign[] }>("/campaigns", { query: { model: name, limit: 1000 }, on: ["campaign.ended"] });
  const history = useResource<{ moves?: Move[] }>("/history/" + encodeURIComponent(name), { on: ["alias."] });
  const list = versions.rows && withFate(versions.rows, campaigns.data?.campaigns ?? [], history.data?.moves ?? []);
  const close = (): void => {
    setDoing(undefined);
    model.reload();
  };
  if (!m || !list)
    return (
      <div class="page">
        <Head title={name} crumbs={[["/models", t("console.models")]]} />
        <div class="panel">{model.error || versions.error ? <Failed error={model.error ?? versions.error} retry={() => (model.reload(), versions.reload())} /> : <Loading />}</div>
      </div>
    );
  return (
    <div class="page">
      <Head
        title={name}
        crumbs={[["/models", t("console.models")]]}
        under={
          <>
            <span>
              {t("console.production")}: {m.production ? <Hash hash={m.production} href={"/versions/" + m.production} /> : t("console.none")}
            </span>
            {m.canary && m.canary !== m.production && (
              <span>
                {t("console.canary")}: <Hash hash={m.canary} href={"/versions/" + m.canary} />
              </span>
            )}
            <span>{t("console.n_versions", { n: m.versions })}</span>
            <span>{t("console.n_sites", { n: m.sites_connected })}</span>
            <span title={m.privacy?.text}>{m.privacy?.unit === "none" ? t("console.no_noise") : `ε ${m.privacy?.brief ?? "–"}`}</span>
          </>
        }
      >
        {can("releaser") && (
          <>
            {promoting ? (
              <Proposed proposal={promoting} what={t("console.promote")} />
            ) : (
              <button type="button" onClick={() => setDoing("promote")} disabled={list.length === 0}>
                <Icon name="up" />
                {t("console.promote")}
              </button>
            )}
            {going ? (
              <Proposed proposal={going} what={t("console.rollback")} />
            ) : (
              <button type="button" onClick={() => setDoing("rollback")} disabled={!m.production}>
                <Icon name="back" />
                {t("console.rollback")}
              </button>
            )}
          </>
        )}
      </Head>
      <Tabs label={t("console.parts_of", { name })} at={tab} tabs={TABS.map((id) => ({ id, name: t(`console.tab_${id}`), href: id === "versions" ? place.value.path : `${place.value.path}?tab=${id}` }))} />
      {tab === "versions" && <Versions model={m} versions={list} more={versions.more} busy={versions.busy} />}
      {tab === "compare" && <Compare versions={list} production={m.production} query={query} />}
      {tab === "aliases" && <Aliases name={name} />}
      {tab === "policy" && <Policy model={name} />}
      {tab === "privacy" && <Privacy model={m} />}
      {doing === "promote" && <Promote model={m} versions={list} onClose={close} />}
      {doing === "rollback" && <Rollback model={m} onClose={close} />}
    </div>
  );
}
