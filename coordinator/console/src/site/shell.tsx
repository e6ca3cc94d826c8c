// The frame of the site's page: its screens, how old what is shown is, who one is; and alarms that come, for the ear.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { now } from "../base/clock.ts";
import { relative } from "../base/format.ts";
import { formatNumber, locale, t, type Key } from "../base/i18n.ts";
import { match, place, type Params } from "../base/router.ts";
import { LanguageChoice, ThemeChoice } from "../shell/choices.tsx";
import { Mark } from "../shell/mark.tsx";
import { Empty, Head, State } from "../ui/bits.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Toasts } from "../ui/toast.tsx";
import { About } from "./about.tsx";
import { asking, logout, name, session } from "./agent.ts";
import { AlarmScreen } from "./alarm.tsx";
import { Alarms } from "./alarms.tsx";
import { board, lostSince, news, readAt } from "./board.ts";
import { BoardScreen } from "./boardscreen.tsx";
import { Data } from "./data.tsx";
import { FiguresScreen } from "./figures.tsx";
import { LedgerScreen } from "./ledger.tsx";
import { LineScreen } from "./line.tsx";
import { NameDialog } from "./login.tsx";
import { what } from "./parts.tsx";

const screens: { path: string; view: ComponentType<{ params: Params }>; label?: Key; icon?: IconName; under?: string }[] = [
  { path: "/", view: BoardScreen, label: "site.board", icon: "rollout", under: "/lines/" },
  { path: "/alarms", view: Alarms, label: "site.alarms", icon: "alarm", under: "/alarms/" },
  { path: "/figures", view: FiguresScreen, label: "site.figures", icon: "graph" },
  { path: "/data", view: Data, label: "site.data", icon: "drift" },
  { path: "/ledger", view: LedgerScreen, label: "site.ledger", icon: "journal" },
  { path: "/site", view: About, label: "site.site", icon: "fleet" },
  { path: "/lines/:line", view: LineScreen },
  { path: "/alarms/:line/:alarm", view: AlarmScreen },
];

const unacknowledged = (): number => board.value?.lines.reduce((n, l) => n + l.unacknowledged, 0) ?? 0;

function Nav() {
  const at = place.value.path;
  const n = unacknowledged();
  return (
    <nav class="screens" aria-label={t("site.screens")}>
      <ul>
        {screens
          .filter((s) => s.label)
          .map((s) => (
            <li key={s.path}>
              <a href={s.path} aria-current={at === s.path || (s.under && at.startsWith(s.under)) ? "page" : undefined}>
                <Icon name={s.icon!} />
                <span>{t(s.label!)}</span>
                {s.path === "/alarms" && n > 0 && (
                  <span class="badge">
                    {formatNumber(n)}
                    <span class="unseen"> {t("site.unacknowledged")}</span>
                  </span>
                )}
              </a>
            </li>
          ))}
      </ul>
    </nav>
  );
}

const timeOfDay = (ms: number): string => new Intl.DateTimeFormat(locale(), { timeStyle: "medium" }).format(ms);

/** How old what is shown is. */
export function AsOf() {
  void now.value; // each second anew
  if (lostSince.value)
    return (
      <State tone="bad">
        {t("site.lost_since", { since: relative(lostSince.value, Date.now()) })}
      </State>
    );
  return (
    <span class="asof">
      <State tone={board.value ? "ok" : "busy"}>{board.value ? t("site.as_of", { time: timeOfDay(readAt.value) }) : t("base.connecting")}</State>
    </span>
  );
}

/** Nobody may take an old board for the present. */
export function Lost() {
  const b = board.value;
  if (lostSince.value && Date.now() - lostSince.value > 3000)
    return (
      <div class="banner" role="alert">
        <Icon name="bad" />
        <div>
          <strong>{t("site.lost")}</strong> {t("site.lost_help")}
        </div>
      </div>
    );
  if (b?.stopped)
    return (
      <div class="banner" role="alert">
        <Icon name="bad" />
        <div>
          <strong>{t("site.stopped")}</strong> {t("site.stopped_help")}
        </div>
      </div>
    );
  return null;
}

function Spoken() {
  const a = news.value;
  return (
    <div class="unseen" role="status" aria-live="assertive" data-role="news">
      {a ? t("site.news", { line: a.line, what: what(a) }) : ""}
    </div>
  );
}

function Who() {
  const known = name.value || session.value?.user || "";
  const change = (): void => {
    asking.value = () => (asking.value = undefined);
  };
  return (
    <button type="button" class="plain who" title={t("site.name_change")} aria-label={t("site.you_are", { name: known || t("site.no_name") })} onClick={change}>
      <Icon name="users" />
      <span>{known || t("site.no_name")}</span>
    </button>
  );
}

function Outlet() {
  for (const s of screens) {
    const params = match(s.path, place.value.path);
    if (params) return <s.view key={place.value.path} params={params} />;
  }
  return (
    <div class="page">
      <Head title={t("site.no_page")} />
      <div class="panel">
        <Empty title={t("site.no_page_help")}>
          <a href="/">{t("site.board")}</a>
        </Empty>
      </div>
    </div>
  );
}

export function Shell() {
  const main = useRef<HTMLElement>(null);
  const path = place.value.path;
  const first = useRef(true);
  const kiosk = place.value.query.has("kiosk");
  const [, turn] = useState(0);
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [path]);
  // A page that is not drawn anew by its data must still see that it grows old.
  useEffect(() => {
    const timer = setInterval(() => turn((n) => n + 1), 1000);
    return () => clearInterval(timer);
  }, []);
  const site = board.value?.site ?? t("site.title");
  useEffect(() => {
    const n = unacknowledged();
    document.title = (n > 0 ? `(${n}) ` : "") + site + " · Andon";
  });
  return (
    <div class={"site" + (kiosk ? " kiosk" : "")}>
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        {t("site.skip")}
      </a>
      <header class="top">
        <a class="brand" href={kiosk ? "/?kiosk" : "/"}>
          <Mark />
          <span>{site}</span>
        </a>
        {!kiosk && <Nav />}
        <span class="grow" />
        <AsOf />
        {!kiosk && (
          <>
            <LanguageChoice />
            <span class="theme">
              <ThemeChoice />
            </span>
            <Who />
            {session.value?.by_token && (
              <button type="button" class="plain leave" aria-label={t("site.logout")} title={t("site.logout")} onClick={() => void logout()}>
                <Icon name="out" />
              </button>
            )}
          </>
        )}
      </header>
      <Lost />
      <main id="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      {!kiosk && (
        <div class="below">
          <Nav />
        </div>
      )}
      <Spoken />
      <NameDialog />
      <Toasts />
    </div>
  );
}
