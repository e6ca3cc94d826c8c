// One alarm: how far, since when, from which sensors, what else the line has raised; the signal itself stays at the site.
import { figure, percent } from "../base/format.ts";
import { t } from "../base/i18n.ts";
import { to, type Params } from "../base/router.ts";
import type { Alarm } from "../base/shapes.ts";
import { usePages, useResource } from "../shell/session.ts";
import { Duration, Empty, Facts, Failed, Hash, Head, Loading, Panel, State, Time, When } from "../ui/bits.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { Contributions } from "./alarm_parts.tsx";
import { latest } from "./alarms.tsx";

/** What people at the site have said of the alarms of a line with a version. */
interface Verdicts {
  site: string;
  line: string;
  version: string;
  alarms: number;
  confirmed: number;
  refuted: number;
  unsure: number;
  missed: number;
  rows: number;
}

export default function AlarmScreen({ params }: { params: Params }) {
  const seq = Number(params.seq);
  const found = useResource<{ alarms: (Alarm & { model?: string })[] }>(Number.isSafeInteger(seq) && seq > 0 ? "/alarms" : null, { query: { before: seq + 1, limit: 1 } });
  const told = found.data?.alarms[0]?.seq === seq ? found.data.alarms[0] : undefined;
  const line = usePages<Alarm & { model?: string }>(told ? "/alarms" : null, { key: "alarms", id: (a) => a.seq, query: told ? { site: told.site, line: told.line } : {}, on: ["alarm."] });
  const verdicts = useResource<{ verdicts: Verdicts[] }>(told ? "/verdicts" : null, { query: told ? { site: told.site, line: told.line, limit: 20 } : {}, on: ["site.counts"] });
  const crumbs: [string, string][] = [["/alarms", t("work.alarms")]];
  if (!told)
    return (
      <div class="page">
        <Head title={t("work.alarm")} crumbs={crumbs} />
        <div class="panel">{found.error ? <Failed error={found.error} retry={found.reload} /> : found.data || !found.loading ? <Empty title={t("work.no_such_alarm")} /> : <Loading />}</div>
      </div>
    );
  const others = latest(line.rows ?? []);
  // What is now known of it may be a later summary than the one that the address names.
  const a = others.find((x) => x.raised_ms === told.raised_ms) ?? told;
  const v = verdicts.data?.verdicts.find((x) => x.version === a.version);
  const first = [...(a.sensors ?? [])].sort((x, y) => y.share - x.share);
  const like = others.filter((x) => x.raised_ms !== a.raised_ms).map((x) => ({ ...x, same: x.sensors?.some((s) => s.sensor === first[0]?.sensor && s === [...x.sensors].sort((p, q) => q.share - p.share)[0]) }));
  return (
    <div class="page">
      <Head
        title={t("work.alarm_at", { site: a.site, line: a.line })}
        crumbs={crumbs}
        under={
          <>
            <State tone={a.cleared_ms ? "idle" : "bad"}>{t(a.cleared_ms ? "work.alarm_over" : "work.alarm_open")}</State>
            <span>
              {t("work.raised")} <When ms={a.raised_ms} />
            </span>
            {a.cleared_ms > 0 && (
              <span>
                {t("work.lasted")} <Duration ms={a.cleared_ms - a.raised_ms} />
              </span>
            )}
          </>
        }
      >
        <a class="button" href={to("/sites/:name", { name: a.site })}>
          {t("work.go_site")}
        </a>
      </Head>
      <div class="columns">
        <Panel title={t("work.contributions")}>
          <Contributions alarm={a} />
        </Panel>
        <Panel title={t("work.figures")}>
          <div class="inside stack4">
            <p>{first.length > 0 ? t("work.alarm_words", { n: figure(a.peak), sensor: first[0]!.sensor, share: percent(first[0]!.share) }) : t("work.alarm_words_bare", { n: figure(a.peak) })}</p>
            <Facts
              rows={[
                [t("work.peak"), t("work.times", { n: figure(a.peak) })],
                [t("work.raised"), <When ms={a.raised_ms} />],
                [t("work.over_since"), a.cleared_ms ? <When ms={a.cleared_ms} /> : t("work.alarm_open")],
                [t("work.received"), <Time ms={a.time_ms} />],
                [t("work.version"), <Hash hash={a.version} href={a.version ? "/versions/" + a.version : undefined} />],
                ...(a.model ? ([[t("work.model"), <a href={to("/models/:name", { name: a.model })}>{a.model}</a>]] as [string, preact.ComponentChildren][]) : []),
              ]}
            />
            {v && v.confirmed + v.refuted + v.unsure > 0 && <p class="dim small">{t("work.verdicts_of_line", { right: v.confirmed, wrong: v.refuted, unsure: v.unsure })}</p>}
          </div>
        </Panel>
      </div>
      <div class="panel callout">
        <Icon name="info" />
        <div>
          <strong>{t("work.stays_at_site")}</strong>
          <div class="dim">{t("work.stays_at_site_help", { site: a.site })}</div>
        </div>
      </div>
      <Panel title={t("work.others_of_line")}>
        <Table
          caption={t("work.others_of_line")}
          rows={like}
          page={15}
          more={line.more}
          busy={line.busy}
          id={(x) => String(x.seq)}
          empty={<Empty title={t("work.no_others")} />}
          columns={[
            { id: "raised", head: t("work.raised"), cell: (x) => <a href={"/alarms/" + x.seq}><When ms={x.raised_ms} /></a>, by: (x) => -x.raised_ms },
            { id: "same", head: t("work.alike"), cell: (x) => (x.same ? <State tone="info">{t("work.same_sensor")}</State> : <span class="dim">–</span>), by: (x) => (x.same ? 0 : 1) },
            { id: "peak", head: t("work.peak"), cell: (x) => t("work.times", { n: figure(x.peak) }), by: (x) => -x.peak, end: true },
            { id: "sensors", head: t("work.from_sensors"), cell: (x) => <Contributions alarm={x} brief /> },
            { id: "lasted", head: t("work.lasted"), cell: (x) => (x.cleared_ms ? <Duration ms={x.cleared_ms - x.raised_ms} /> : "–"), by: (x) => (x.cleared_ms ? x.cleared_ms - x.raised_ms : undefined), end: true },
          ]}
        />
      </Panel>
    </div>
  );
}
