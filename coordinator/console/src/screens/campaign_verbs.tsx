// What a person may do with a campaign, and what that brings about.
import { t, word } from "../base/i18n.ts";
import type { Verb } from "./work.tsx";
import type { Work } from "./work_shapes.ts";

export function campaignVerbs(k: Work): Verb[] {
  if (k.over) return [];
  const values = { id: String(k.id), model: k.model };
  const verbs: Verb[] = [];
  if (k.asks) {
    const passed = k.asks === "promotion";
    verbs.push({
      id: "approve",
      label: t(passed ? "work.promote" : "work.approve"),
      icon: "ok",
      role: "releaser",
      look: "primary",
      decision: {
        title: t(passed ? "work.promote_title" : "work.approve_title", values),
        what: passed ? t("work.promote_what", values) : `${word("work.will", k.kind)} ${t("work.approve_what")}`,
        confirm: t(passed ? "work.promote" : "work.approve"),
        done: t("work.approved", values),
        path: `/campaigns/${k.id}/approve`,
      },
    });
  }
  verbs.push({
    id: "stop",
    label: t("work.stop"),
    icon: "close",
    role: "engineer",
    decision: {
      title: t("work.stop_title", values),
      what: t(k.state === "WAITING" ? "work.stop_waiting_what" : "work.stop_what", values),
      confirm: t("work.stop"),
      danger: true,
      done: t("work.stopped", values),
      path: `/campaigns/${k.id}/stop`,
    },
  });
  return verbs;
}
