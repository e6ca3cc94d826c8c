import { figure } from "../base/format.ts";
import { t, word } from "../base/i18n.ts";
import type { Model, Privacy as Budget, Round } from "../base/shapes.ts";
import { useResource } from "../shell/session.ts";
import { Bar, Empty, Facts, Failed, Loading, Panel } from "../ui/bits.tsx";
import { Chart } from "../ui/chart.tsx";

export function Privacy({ model }: { model: Model }) {
  const privacy = useResource<{ privacy: Budget }>(`/models/${encodeURIComponent(model.name)}/privacy`, { on: ["round.ended", "model."] });
  const rounds = useResource<{ rounds: Round[] }>("/rounds", { query: { model: model.name, limit: 1000 }, on: ["round.ended"] });
  const p = privacy.data?.privacy;
  if (privacy.error && !p) return <Failed error={privacy.error} retry={privacy.reload} />;
  if (!p) return <Loading />;
  const noised = (rounds.data?.rounds ?? []).filter((r) => r.privacy.epsilon !== undefined).reverse();
  const share = p.budget ? (p.epsilon ?? 0) / p.budget : 0;
  return (
    <>
      <Panel title={t("console.privacy_account")}>
        <div class="inside stack" style={{ gap: "16px" }}>
          <p>{p.text}</p>
          {p.unit !== "none" && p.budget !== undefined && (
            <div class="stack">
              <strong>{t("console.spent", { epsilon: figure(p.epsilon ?? 0), budget: figure(p.budget) })}</strong>
              <Bar share={share} tone={share > 0.9 ? "bad" : share > 0.7 ? "warn" : undefined} label={t("console.spent", { epsilon: figure(p.epsilon ?? 0), budget: figure(p.budget) })} />
            </div>
          )}
          <Facts
            rows={[
              [t("console.unit"), word("console.unit", p.unit)],
              ...(p.unit !== "none"
                ? ([
                    [t("console.noise"), figure(p.noise ?? 0)],
                    ["δ", figure(p.delta ?? 0)],
                    [t("console.rounds_spent"), p.rounds_spent ?? 0],
                    [t("console.rounds_left"), p.rounds_left ?? 0],
                    [t("console.after_campaign"), p.after === undefined ? "∞" : figure(p.after)],
                  ] as [string, string | number][])
                : []),
              [t("console.rounds_bare"), p.rounds_without_noise ?? 0],
              [t("console.rounds_statistics"), p.rounds_of_statistics ?? 0],
            ]}
          />
        </div>
      </Panel>
      {noised.length > 0 ? (
        <Panel title={t("console.spent_over")}>
          <div class="inside">
            <Chart
              title={t("console.spent_over")}
              zero
              x={{ name: t("console.time"), values: noised.map((r) => r.ended_ms ?? r.opened_ms) }}
              series={[
                { name: "ε", kind: "step", values: noised.map((r) => r.privacy.epsilon) },
                ...(p.budget ? [{ name: t("console.budget"), kind: "bound" as const, values: noised.map(() => p.budget) }] : []),
              ]}
            />
          </div>
        </Panel>
      ) : (
        <div class="panel">
          <Empty title={t("console.no_noise_yet")}>{t("console.no_noise_help")}</Empty>
        </div>
      )}
    </>
  );
}
