// What the screens of the work share: words of the coordinator, bars with their threshold, decisions.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { figure, percent } from "../base/format.ts";
import { t, word, type Key } from "../base/i18n.ts";
import { api, can, session, type Role } from "../shell/session.ts";
import { Said as English, State, type Tone } from "../ui/bits.tsx";
import { ActionDialog } from "../ui/dialog.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { isFault } from "./needs.ts";
import { Proposed, useProposed } from "./proposed.tsx";
import "./work.css";

/** The coordinator's own words, or a dash where it said nothing. */
export const Said = ({ text }: { text: string | undefined }) => (text ? <English>{text}</English> : <span class="dim">–</span>);

export const campaignTone: Record<string, Tone> = { WAITING: "wait", RUNNING: "busy", PASSED: "wait", PROMOTED: "ok", ADAPTED: "ok", STOPPED: "idle" };
export const rolloutTone: Record<string, Tone> = { WAITING: "wait", RUNNING: "busy", PAUSED: "warn", DONE: "ok", ROLLED_BACK: "bad", ABORTED: "idle" };
export const roundTone: Record<string, Tone> = { COMMITTED: "ok", ABORTED: "bad" };
export const targetTone: Record<string, Tone> = { PENDING: "idle", TOLD: "wait", RUNNING: "busy", FINE: "ok", FAILED: "bad", ABSENT: "warn", GONE: "idle" };

/** What was learned is a success; what the gate has refused as a possible fault is a warning to somebody. */
export function CampaignState({ state, reason }: { state: string; reason: string }) {
  const fault = isFault({ state, reason });
  return (
    <State tone={fault ? "warn" : (campaignTone[state] ?? "busy")} title={reason}>
      {fault ? t("work.possible_fault") : word("work.campaign", state)}
    </State>
  );
}

/** A bar against its threshold: the mark is where it begins to count.  The figures stand beside it in the table. */
export function Against({ value, bound, most, over = "warn" }: { value: number; bound: number; most: number; over?: "warn" | "bad" | "ok" }) {
  const ratio = bound > 0 ? value / bound : value > 0 ? most : 0;
  const full = Math.max(1.25, most) * 1.04;
  return (
    <span class="against" aria-hidden="true">
      <i class={ratio > 1 ? over : ""} style={{ width: `${Math.max(0, Math.min(1, ratio / full)) * 100}%` }} />
      <b style={{ left: `${100 / full}%` }} />
    </span>
  );
}

export const times = (value: number, bound: number): string => (bound > 0 ? t("work.times", { n: figure(value / bound) }) : "–");

/** "1 in 2,400" reads better than 0.00042. */
export function chance(p: number): string {
  if (!(p > 0)) return t("work.chance_none");
  if (p >= 0.1) return percent(p, 0);
  return t("work.chance", { n: Math.round(1 / p) });
}

export interface Decision {
  title: string;
  what: ComponentChildren;
  confirm: string;
  danger?: boolean;
  done: string;
  path: string;
  body?: object;
  reason?: "needed" | "optional";
}

/** A dialog that says what will happen and asks why. */
export function Decide({ d, onClose, after }: { d: Decision; onClose: () => void; after: () => void }) {
  return (
    <ActionDialog
      title={d.title}
      what={d.what}
      confirm={d.confirm}
      danger={!!d.danger}
      reason={d.reason ?? "needed"}
      act={async (reason) => {
        const answer = await api.post<object>(d.path, { ...d.body, ...(reason ? { reason } : {}) });
        after();
        return answer;
      }}
      done={d.done}
      onClose={onClose}
    />
  );
}

export interface Verb {
  id: string;
  label: string;
  icon?: IconName;
  role: Role;
  look?: "primary" | "danger";
  decision: Decision;
}

/** What concerns all sites is done by who has all of them. */
export const mayAll = (role: Role): boolean => can(role) && session.value?.sites.length === 0;

/** The buttons of what can be done now; who may not do it is told who may. */
export function Verbs({ verbs, after }: { verbs: Verb[]; after: () => void }) {
  const [open, setOpen] = useState<string>();
  const proposed = useProposed();
  const mine = verbs.filter((v) => mayAll(v.role));
  const others = verbs.filter((v) => !mayAll(v.role));
  const at = verbs.find((v) => v.id === open);
  return (
    <>
      {mine.map((v) => {
        const waits = proposed(v.decision.path);
        if (waits) return <Proposed key={v.id} proposal={waits} what={v.label} />;
        return (
          <button key={v.id} type="button" class={v.look} onClick={() => setOpen(v.id)}>
            {v.icon && <Icon name={v.icon} />}
            {v.label}
          </button>
        );
      })}
      {mine.length === 0 && others.length > 0 && <span class="dim small">{t("work.other_decides", { role: t(`console.role_${others[0]!.role}` as Key) })}</span>}
      {at && <Decide d={at.decision} onClose={() => setOpen(undefined)} after={after} />}
    </>
  );
}

export const share = (n: number): string => percent(n, n > 0 && n < 0.1 ? 2 : 1);

export interface Step {
  name: string;
  detail?: string;
  state: "done" | "now" | "waits" | "next" | "failed" | "never";
}

const stepIcon: Record<Step["state"], IconName> = { done: "ok", now: "busy", waits: "wait", next: "idle", failed: "bad", never: "idle" };

/** What is behind, what is now, what is to come, from left to right. */
export function Strip({ label, steps }: { label: string; steps: Step[] }) {
  return (
    <ol class="strip panel" aria-label={label}>
      {steps.map((s, i) => (
        <li key={i} class={s.state} aria-current={s.state === "now" || s.state === "waits" ? "step" : undefined}>
          <Icon name={stepIcon[s.state]} />
          <span>
            <strong>{s.name}</strong>
            <span class="small">{s.detail || t(`work.step_${s.state}` as Key)}</span>
          </span>
        </li>
      ))}
    </ol>
  );
}
