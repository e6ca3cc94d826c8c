// Releases: the key that signs them, what waits for it, what is in force, and what the coordinator may sign by itself.
import { useState } from "preact/hooks";
import { now } from "../base/clock.ts";
import { t, word } from "../base/i18n.ts";
import { to } from "../base/router.ts";
import type { ReleaseWait, Root } from "../base/shapes.ts";
import { api, can, session, useResource } from "../shell/session.ts";
import { Bar, Copy, Empty, Facts, Failed, Hash, Head, Loading, Notice, Panel, State, Time, When, type Tone } from "../ui/bits.tsx";
import { ActionDialog } from "../ui/dialog.tsx";
import { Table } from "../ui/table.tsx";
import { Said } from "./work.tsx";

interface Release {
  model: string;
  version: string;
  counter: number;
  expires_ms: number;
  delegation?: number;
  use?: number;
}

interface Delegation {
  number: number;
  models: string;
  ancestor: string;
  count: number;
  expires_ms: number;
  state: string;
  used: Record<string, number>;
  statement: string;
}

interface Answer {
  root: Root;
  waiting: ReleaseWait[];
  releases: Release[];
  delegations: Delegation[];
}

const SOON = 7 * 86_400_000;
const delegationTone: Record<string, Tone> = { holds: "ok", expired: "warn", revoked: "idle" };

function Command({ text }: { text: string }) {
  return (
    <p class="secret">
      <code>{text}</code> <Copy text={text} label={t("work.copy_command")} />
    </p>
  );
}

/** The text that the key is to sign: it can be read here, compared there. */
function Statement({ text }: { text: string }) {
  return (
    <details class="more-of">
      <summary>{t("work.text_to_sign")}</summary>
      <pre class="secret">{text}</pre>
    </details>
  );
}

function Waiting({ w, root, after }: { w: ReleaseWait; root: Root; after: () => void }) {
  const [dropping, setDropping] = useState(false);
  return (
    <li class="inside stack4 wanted">
      <div class="row">
        <strong>{t("work.release_n", { id: String(w.id), model: w.model })}</strong>
        <State tone="wait">{t("work.waits_signature")}</State>
        <span class="dim small">
          <Time ms={w.since_ms} />
        </span>
        <span class="grow" />
        {can("releaser") && session.value?.sites.length === 0 && (
          <button type="button" onClick={() => setDropping(true)}>
            {t("work.drop")}
          </button>
        )}
      </div>
      <p>
        <Said text={w.reason} />
      </p>
      <Facts
        rows={[
          [t("work.version"), <Hash hash={w.version} n={24} href={"/versions/" + w.version} />],
          [t("work.who"), w.by],
          ...(w.campaign ? ([[t("work.campaign_name"), <a href={"/campaigns/" + w.campaign}>{t("work.campaign_n", { id: String(w.campaign) })}</a>]] as [string, preact.ComponentChildren][]) : []),
        ]}
      />
      {w.statement && root.protected && (
        <>
          <p class="dim">{t("work.sign_where")}</p>
          <Command text={`andon release sign --key release.key ${w.id}`} />
          <Statement text={w.statement} />
        </>
      )}
      {dropping && (
        <ActionDialog
          title={t("work.drop_title", { id: String(w.id) })}
          what={t("work.drop_what", { model: w.model })}
          confirm={t("work.drop")}
          danger
          done={t("work.dropped", { id: String(w.id) })}
          act={async (reason) => {
            await api.post(`/releases/${w.id}/drop`, { reason });
            after();
          }}
          onClose={() => setDropping(false)}
        />
      )}
    </li>
  );
}

function Delegations({ list }: { list: Delegation[] }) {
  const most = (d: Delegation): number => Math.max(0, ...Object.values(d.used));
  return (
    <Table
      caption={t("work.delegations")}
      rows={list}
      id={(d) => String(d.number)}
      sort="-number"
      empty={<Empty title={t("work.no_delegations")}>{t("work.no_delegations_help")}</Empty>}
      columns={[
        { id: "number", head: t("work.delegation"), cell: (d) => d.number, by: (d) => d.number },
        { id: "state", head: t("work.state"), cell: (d) => <State tone={delegationTone[d.state] ?? "idle"}>{word("work.delegated", d.state)}</State>, by: (d) => d.state },
        { id: "models", head: t("work.models"), cell: (d) => d.models, by: (d) => d.models },
        {
          id: "used",
          head: t("work.used"),
          cell: (d) => (
            <span class="quorum">
              <Bar share={d.count ? most(d) / d.count : 0} label={t("work.used")} {...(d.count && most(d) / d.count >= 0.8 ? { tone: "warn" as const } : {})} />
              {Object.entries(d.used).map(([m, n]) => (
                <span key={m} class="small">
                  {m}: {t("work.n_of", { n, all: d.count })}
                </span>
              ))}
              {Object.keys(d.used).length === 0 && <span class="small">{t("work.n_of", { n: 0, all: d.count })}</span>}
            </span>
          ),
          by: (d) => (d.count ? most(d) / d.count : 0),
        },
        { id: "ancestor", head: t("work.from_version"), cell: (d) => <Hash hash={d.ancestor} href={"/versions/" + d.ancestor} /> },
        { id: "until", head: t("work.valid_until"), cell: (d) => <Until ms={d.expires_ms} />, by: (d) => d.expires_ms },
        { id: "text", head: t("work.statement"), cell: (d) => <details class="more-of"><summary>{t("work.read_it")}</summary><pre class="secret">{d.statement}</pre></details> },
      ]}
    />
  );
}

/** A date, and a warning when it is near. */
function Until({ ms }: { ms: number }) {
  const left = ms - now.value;
  return (
    <span class="stack">
      <When ms={ms} />
      {left < SOON && <State tone={left <= 0 ? "bad" : "warn"}>{left <= 0 ? t("work.expired") : t("work.expires_soon")}</State>}
    </span>
  );
}

export default function Releases() {
  const r = useResource<Answer>("/releases", { on: ["release.", "delegation.", "root.", "alias.", "roster."] });
  const a = r.data;
  if (!a)
    return (
      <div class="page">
        <Head title={t("work.releases")} />
        <div class="panel">{r.error ? <Failed error={r.error} retry={r.reload} /> : <Loading />}</div>
      </div>
    );
  const root = a.root;
  const signable = a.waiting.filter((w) => w.statement).length;
  return (
    <div class="page">
      <Head title={t("work.releases")} under={<span>{t("work.n_waiting", { n: a.waiting.length })}</span>} />
      {a.waiting.length > 0 && (
        <Panel title={t("work.waits_for_root")} actions={signable > 1 && root.protected ? <span class="dim small mono">andon release sign --all --key release.key</span> : undefined}>
          <ul>
            {a.waiting.map((w) => (
              <Waiting key={w.id} w={w} root={root} after={r.reload} />
            ))}
          </ul>
        </Panel>
      )}
      <Panel title={t("work.root")} actions={<State tone={root.protected ? "ok" : "warn"}>{t(root.protected ? "work.root_protected" : "work.root_online")}</State>}>
        <div class="inside stack4">
          {!root.protected && <Notice tone="warn" title={t("work.root_online")}><p>{t("work.root_online_what")}</p></Notice>}
          <p class="dim">{t(root.protected ? "work.root_protected_what" : "work.root_how")}</p>
          {!root.protected && <Command text="andon key new release.key" />}
          <Facts
            rows={[
              [t("work.root_key"), <span class="mono small">{(root.key.match(/.{1,8}/g) ?? []).join(" ")} <Copy text={root.key} /></span>],
              [t("work.root_fingerprint"), <Hash hash={root.fingerprint} n={16} />],
              [t("work.root_number"), String(root.number)],
              [t("work.roster_until"), root.roster_expires_ms > 0 ? <Until ms={root.roster_expires_ms} /> : <span class="dim">–</span>],
            ]}
          />
        </div>
      </Panel>
      <Panel title={t("work.in_force")}>
        <Table
          caption={t("work.in_force")}
          rows={a.releases}
          id={(x) => x.model}
          sort="model"
          empty={<Empty title={t("work.none_in_force")}>{t("work.none_in_force_help")}</Empty>}
          columns={[
            { id: "model", head: t("work.model"), cell: (x) => <a href={to("/models/:name", { name: x.model })}>{x.model}</a>, by: (x) => x.model },
            { id: "version", head: t("work.version"), cell: (x) => <Hash hash={x.version} n={16} href={"/versions/" + x.version} /> },
            { id: "counter", head: t("work.statement_no"), cell: (x) => x.counter, by: (x) => x.counter, end: true },
            { id: "by", head: t("work.signed_by"), cell: (x) => (x.delegation ? t("work.by_delegation", { number: x.delegation, use: x.use ?? 0 }) : t("work.by_root")), by: (x) => x.delegation ?? 0 },
            { id: "until", head: t("work.valid_until"), cell: (x) => <Until ms={x.expires_ms} />, by: (x) => x.expires_ms },
          ]}
        />
      </Panel>
      <Panel title={t("work.delegations")} actions={<span class="dim small">{t("work.delegations_help")}</span>}>
        <Delegations list={a.delegations} />
        {root.protected && (
          <div class="inside stack4">
            <p class="dim small">{t("work.delegate_how")}</p>
            <Command text={`andon release delegate --key release.key --model ${a.releases[0]?.model ?? "MODEL"} --count 50 --valid 30d`} />
          </div>
        )}
      </Panel>
    </div>
  );
}
