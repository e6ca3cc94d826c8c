// How many sites of a stage are where, as a bar of shares with the figures beside it; and what a person may do with a rollout.
import { t, word, type Key } from "../base/i18n.ts";
import type { Stage } from "../base/shapes.ts";
import { Icon } from "../ui/icon.tsx";
import { targetTone, type Verb } from "./work.tsx";
import type { RolloutAnswer } from "./work_shapes.ts";

const PARTS = ["fine", "running", "told", "failed", "absent", "pending"] as const;

export function Shares({ stages }: { stages: Stage[] }) {
  const all = stages.reduce((n, s) => n + s.sites, 0);
  const parts = PARTS.map((p) => ({ p, n: stages.reduce((n, s) => n + s[p], 0) })).filter((x) => x.n > 0);
  return (
    <div class="shares">
      <div class="sharebar" aria-hidden="true">
        {parts.map(({ p, n }) => (
          <i key={p} class={p} style={{ flexGrow: n }} />
        ))}
      </div>
      <ul>
        {parts.map(({ p, n }) => (
          <li key={p} class={targetTone[p.toUpperCase()]}>
            <Icon name={targetTone[p.toUpperCase()]!} />
            {n} {word("work.target", p)}
          </li>
        ))}
        {all === 0 && <li>{t("work.no_sites_in_it")}</li>}
      </ul>
    </div>
  );
}

type Name = "approve" | "goon" | "pause" | "resume" | "retry" | "abort";

function verb(r: RolloutAnswer, id: Name, more: Pick<Verb, "role" | "icon" | "look">): Verb {
  const values = { id: String(r.id), model: r.model, version: r.version.slice(0, 10), from: (r.from ?? "").slice(0, 10), n: r.stage, sites: r.stages[r.stage - 1]?.sites ?? 0 };
  return {
    id,
    label: t(`work.ro_${id}` as Key),
    ...more,
    decision: {
      title: t(`work.ro_${id}_title` as Key, values),
      what: t(`work.ro_${id}_what` as Key, values),
      confirm: t(`work.ro_${id}` as Key),
      danger: id === "abort",
      done: t(`work.ro_${id}_done` as Key, values),
      path: `/rollouts/${r.id}/${id === "goon" ? "approve" : id}`,
    },
  };
}

/** production: what the model runs now, as far as is known. */
export function rolloutVerbs(r: RolloutAnswer, production: string | null | undefined): Verb[] {
  const may = (id: string): boolean => (r.may ?? []).includes(id);
  const out: Verb[] = [];
  // A stage that was not good enough pauses: approving then is to go on all the same.
  if (may("approve")) out.push(verb(r, r.state === "PAUSED" ? "goon" : "approve", { role: "releaser", icon: "ok", look: "primary" }));
  if (may("resume")) out.push(verb(r, "resume", { role: "releaser", icon: "play" }));
  if (may("pause")) out.push(verb(r, "pause", { role: "engineer", icon: "pause" }));
  if (may("retry")) out.push(verb(r, "retry", { role: "engineer", icon: "busy" }));
  if (may("abort")) out.push(verb(r, "abort", { role: "releaser", icon: "back" }));
  if (r.state === "DONE" && production === r.version && r.from) {
    const values = { model: r.model, from: r.from.slice(0, 10), version: r.version.slice(0, 10) };
    out.push({
      id: "rollback",
      label: t("work.rollback"),
      icon: "back",
      role: "releaser",
      decision: { title: t("work.rollback_title", values), what: t("work.rollback_what", values), confirm: t("work.rollback"), danger: true, done: t("work.rollback_done", values), path: `/models/${encodeURIComponent(r.model)}/rollback` },
    });
  }
  return out;
}
