// What was asked for already waits for another person: that stands where one would ask for it again.
import { t } from "../base/i18n.ts";
import type { Proposal } from "../base/shapes.ts";
import { session, useResource } from "../shell/session.ts";
import { Icon } from "../ui/icon.tsx";

/** Finds what is proposed of a path of the API ("/campaigns/7/approve"). */
export function useProposed(): (path: string) => Proposal | undefined {
  const whole = session.value?.sites.length === 0;
  const r = useResource<{ proposals: Proposal[] }>(whole ? "/proposals" : null, { on: ["proposal."] });
  return (path) => r.data?.proposals.find((p) => p.path.replace(/^\/api\/v1/, "") === path);
}

export const Proposed = ({ proposal, what }: { proposal: Proposal; what: string }) => (
  <a class="button" href="/proposals">
    <Icon name="wait" />
    {t("console.proposed", { what, by: proposal.by.replace(/^user\//, "") })}
  </a>
);
