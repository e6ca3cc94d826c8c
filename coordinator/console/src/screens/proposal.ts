// What a proposal is about, from the path that it is kept of.  Pure: test/screens.test.ts.
import type { Key, Values } from "../base/i18n.ts";

export interface About {
  title: Key;
  values: Values;
  href: string;
}

const KINDS: [RegExp, Key, (name: string) => string][] = [
  [/^\/models\/([^/]+)\/promote$/, "console.promote_of", (n) => "/models/" + n],
  [/^\/models\/([^/]+)\/rollback$/, "console.rollback_of", (n) => "/models/" + n],
  [/^\/models\/([^/]+)\/policy$/, "console.policy_of", (n) => `/models/${n}?tab=policy`],
  [/^\/campaigns\/([^/]+)\/approve$/, "console.approve_campaign", (n) => "/campaigns/" + n],
  [/^\/rollouts\/([^/]+)\/approve$/, "console.approve_rollout", (n) => "/rollouts/" + n],
  [/^\/rollouts\/([^/]+)\/abort$/, "console.abort_rollout", (n) => "/rollouts/" + n],
];

export function aboutOf(path: string): About {
  const rest = path.replace(/^\/api\/v1/, "");
  for (const [pattern, title, href] of KINDS) {
    const m = pattern.exec(rest);
    if (m) return { title, values: { model: m[1]!, id: m[1]! }, href: href(m[1]!) };
  }
  return { title: "console.proposal_other", values: { path: rest }, href: "/proposals" };
}

/** The parts of the body that people judge: no empty ones, and not the reason, which is told beside them. */
export function partsOf(body: Record<string, unknown> | undefined): [string, string][] {
  return Object.entries(body ?? {})
    .flatMap(([k, v]): [string, unknown][] => (k === "policy" && v !== null && typeof v === "object" ? Object.entries(v) : [[k, v]]))
    .filter(([k, v]) => k !== "reason" && v !== "" && v !== false && v !== null)
    .map(([k, v]) => [k, typeof v === "string" ? v : JSON.stringify(v)]);
}
