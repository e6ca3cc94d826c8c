// Evidence of drift: how far each report is over its threshold, as bars in a table, and over time.
import { figure } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import { to } from "../base/router.ts";
import type { Drift } from "../base/shapes.ts";
import { Scroll, State, When } from "../ui/bits.tsx";
import { Chart } from "../ui/chart.tsx";
import { Icon } from "../ui/icon.tsx";
import { Against, chance, times } from "./work.tsx";

export interface Proof {
  id: string;
  site: string;
  line: string;
  test: string;
  subject: string;
  sign?: number;
  value: number;
  bound: number;
  p?: number;
  reports?: number;
  since_ms: number;
  n_reference?: number;
  n_current?: number;
  proven?: boolean;
  ripe?: boolean;
}

export const testName = (test: string): string => word("work.test", test);
export const subjectName = (subject: string): string => (subject === "score" ? t("work.score") : subject);

/** Up, down, or a change of form that has no direction. */
export function Direction({ sign }: { sign: number | undefined }) {
  if (sign === undefined) return null;
  return (
    <span class="nowrap dim">
      <Icon name={sign > 0 ? "up" : sign < 0 ? "down" : "drift"} /> {t(sign > 0 ? "work.sign_up" : sign < 0 ? "work.sign_down" : "work.sign_none")}
    </span>
  );
}

export function ProofTable({ caption, proofs, states }: { caption: string; proofs: Proof[]; states?: boolean }) {
  const most = Math.max(1, ...proofs.map((p) => (p.bound > 0 ? p.value / p.bound : 1)));
  const rows = [...proofs].sort((a, b) => b.value / (b.bound || 1) - a.value / (a.bound || 1));
  const some = (key: "p" | "reports" | "n_current"): boolean => rows.some((r) => r[key] !== undefined);
  return (
    <Scroll label={caption}>
      <table class="rows cards proofs">
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {[t("work.where"), t("work.what_drifts"), t("work.against_threshold")].map((h) => (
              <th key={h} scope="col">
                <span>{h}</span>
              </th>
            ))}
            {some("p") && (
              <th scope="col">
                <span>{t("work.by_chance")}</span>
              </th>
            )}
            {some("n_current") && (
              <th scope="col">
                <span>{t("work.rows_compared")}</span>
              </th>
            )}
            <th scope="col">
              <span>{t("work.since")}</span>
            </th>
            {states && (
              <th scope="col">
                <span>{t("work.counts_as")}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((r) => (
            <tr key={r.id}>
              <td data-label={t("work.where")}>
                <a href={to("/sites/:name", { name: r.site })}>
                  {r.site} / {r.line}
                </a>
              </td>
              <td data-label={t("work.what_drifts")}>
                <div>
                  <strong>{subjectName(r.subject)}</strong> <Direction sign={r.sign} />
                  <div class="dim small">{testName(r.test)}</div>
                </div>
              </td>
              <td data-label={t("work.against_threshold")}>
                <div class="bullet">
                  <Against value={r.value} bound={r.bound} most={most} />
                  <span>
                    {figure(r.value)} <span class="dim">{t("work.over", { bound: figure(r.bound) })}</span> <strong>{times(r.value, r.bound)}</strong>
                  </span>
                </div>
              </td>
              {some("p") && (
                <td data-label={t("work.by_chance")}>
                  {r.p === undefined ? "–" : chance(r.p)}
                  {r.reports !== undefined && r.reports > 1 && <div class="dim small">{t("work.n_reports", { n: r.reports })}</div>}
                </td>
              )}
              {some("n_current") && (
                <td data-label={t("work.rows_compared")}>
                  {r.n_current === undefined ? "–" : t("work.rows_against", { n: r.n_current, ref: r.n_reference ?? 0 })}
                </td>
              )}
              <td data-label={t("work.since")}>
                <When ms={r.since_ms} />
              </td>
              {states && (
                <td data-label={t("work.counts_as")}>
                  <State tone={r.proven ? (r.ripe ? "warn" : "wait") : "idle"}>{t(r.proven ? (r.ripe ? "work.ripe" : "work.gathering") : "work.unproven")}</State>
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const KINDS_MAX = 6;
const SHORT: Record<string, string> = { psi: "PSI", ks: "KS", adwin: "ADWIN", "page-hinkley": "Page-Hinkley" };

/** How far over its threshold each report was, by the time it came: one curve for each test, the threshold is at 1. */
export function ProofsOverTime({ title, drifts }: { title: string; drifts: Drift[] }) {
  const rows = [...drifts].filter((d) => d.threshold > 0).sort((a, b) => a.time_ms - b.time_ms);
  if (rows.length < 3) return null;
  const kinds = [...new Set(rows.map((d) => d.test))].slice(0, KINDS_MAX - 1);
  return (
    <Chart
      title={title}
      height={180}
      zero
      x={{ name: t("work.reported"), values: rows.map((d) => d.time_ms) }}
      series={[
        ...kinds.map((k) => ({ name: SHORT[k] ?? k, values: rows.map((d) => (d.test === k ? d.effect / d.threshold : null)), unit: "×", join: true })),
        { name: t("work.threshold"), values: rows.map(() => 1), kind: "bound" as const },
      ]}
    />
  );
}
