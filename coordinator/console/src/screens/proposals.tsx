// What one person has asked for and another one has to confirm.
// The answers name the proposal; what is confirmed is done, and waits for nobody.
import { useState } from "preact/hooks";
import { shortHashes } from "../base/format.ts";
import { t } from "../base/i18n.ts";
import type { Proposal } from "../base/shapes.ts";
import { api, can, session, useResource } from "../shell/session.ts";
import { Empty, Facts, Failed, Head, Loading, Said, State, Time } from "../ui/bits.tsx";
import { ActionDialog } from "../ui/dialog.tsx";
import { aboutOf, partsOf } from "./proposal.ts";

function One({ proposal: p, reload }: { proposal: Proposal; reload: () => void }) {
  const [doing, setDoing] = useState<"confirm" | "drop">();
  const about = aboutOf(p.path);
  const title = t(about.title, about.values);
  const mine = p.by === "user/" + session.value!.user;
  const close = (): void => {
    setDoing(undefined);
    reload();
  };
  return (
    <li class="panel" data-proposal={p.id}>
      <header>
        <h2>
          <a href={about.href}>{title}</a>
        </h2>
        {mine && <State tone="wait">{t("console.proposal_mine")}</State>}
        {can("engineer") && (
          <div class="actions">
            <button type="button" onClick={() => setDoing("drop")}>
              {t("console.proposal_drop")}
            </button>
            {!mine && (
              <button type="button" class="primary" onClick={() => setDoing("confirm")}>
                {t("console.proposal_confirm")}
              </button>
            )}
          </div>
        )}
      </header>
      <div class="inside">
        <Facts
          rows={[
            [t("console.by"), p.by],
            [t("console.time"), <Time key="t" ms={p.made_ms} />],
            [t("console.expires"), <Time key="e" ms={p.expires_ms} />],
            [t("base.reason"), p.reason || "–"],
            ...partsOf(p.body).map(([k, v]): [string, string] => [k, shortHashes(v)]),
            [t("console.proposal_basis"), <Said key="b">{shortHashes(p.basis)}</Said>],
          ]}
        />
      </div>
      {doing === "confirm" && (
        <ActionDialog title={title} what={t("console.proposal_confirm_what", { by: p.by })} confirm={t("console.proposal_confirm")} reason="none" act={async () => void (await api.post(`/proposals/${p.id}/confirm`))} done={t("console.proposal_confirmed", { what: title })} onClose={close} />
      )}
      {doing === "drop" && (
        <ActionDialog title={title} what={t("console.proposal_drop_what")} confirm={t("console.proposal_drop")} danger act={async (reason) => void (await api.post(`/proposals/${p.id}/drop`, { reason }))} done={t("console.proposal_dropped", { what: title })} onClose={close} />
      )}
    </li>
  );
}

export default function Proposals() {
  const proposals = useResource<{ proposals: Proposal[] }>("/proposals", { on: ["proposal."] });
  const list = proposals.data?.proposals;
  return (
    <div class="page">
      <Head title={t("console.proposals")} crumbs={[["/", t("console.fleet")]]} under={t("console.proposals_help")} />
      {!list ? (
        <div class="panel">{proposals.error ? <Failed error={proposals.error} retry={proposals.reload} /> : <Loading />}</div>
      ) : list.length === 0 ? (
        <div class="panel">
          <Empty title={t("console.proposals_none")}>{t("console.proposals_none_help")}</Empty>
        </div>
      ) : (
        <ul class="page">
          {list.map((p) => (
            <One key={p.id} proposal={p} reload={proposals.reload} />
          ))}
        </ul>
      )}
    </div>
  );
}
