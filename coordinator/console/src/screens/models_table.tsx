import { t } from "../base/i18n.ts";
import { to } from "../base/router.ts";
import type { Model } from "../base/shapes.ts";
import { Empty, Hash, Panel, State } from "../ui/bits.tsx";
import { Table } from "../ui/table.tsx";

export function Models({ models }: { models: Model[] }) {
  return (
    <Panel title={t("console.models")}>
      <Table
        caption={t("console.models")}
        rows={models}
        id={(m) => m.name}
        sort="name"
        empty={<Empty title={t("console.no_models")}>{t("console.no_models_help")}</Empty>}
        columns={[
          { id: "name", head: t("console.model"), cell: (m) => <a href={to("/models/:name", { name: m.name })}>{m.name}</a>, by: (m) => m.name },
          {
            id: "production",
            head: t("console.production"),
            cell: (m) => (m.production ? <Hash hash={m.production} href={"/versions/" + m.production} /> : <State tone="warn">{t("console.no_production")}</State>),
          },
          { id: "candidate", head: t("console.candidate"), cell: (m) => <Hash hash={m.canary ?? m.candidate} href={(m.canary ?? m.candidate) ? "/versions/" + (m.canary ?? m.candidate) : undefined} /> },
          { id: "versions", head: t("console.versions"), cell: (m) => m.versions, by: (m) => m.versions, end: true },
          { id: "sites", head: t("console.sites_connected"), cell: (m) => m.sites_connected, by: (m) => m.sites_connected, end: true },
          { id: "privacy", head: t("console.dp"), cell: (m) => <span title={m.privacy?.text}>{m.privacy?.brief === "none" ? t("console.no_noise") : (m.privacy?.brief ?? "–")}</span> },
        ]}
      />
    </Panel>
  );
}
