// The frame around each screen: the list of screens, the state of the connection, language, theme, who one is.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Key } from "../base/i18n.ts";
import { t } from "../base/i18n.ts";
import type { LiveState } from "../base/live.ts";
import { place } from "../base/router.ts";
import { relative } from "../base/format.ts";
import { Notice, State, type Tone } from "../ui/bits.tsx";
import { Icon } from "../ui/icon.tsx";
import { Toasts } from "../ui/toast.tsx";
import { listed } from "../screens.ts";
import { LanguageChoice, ThemeChoice } from "./choices.tsx";
import { Mark } from "./mark.tsx";
import { Outlet } from "./outlet.tsx";
import { can, cutSince, live, logout, session } from "./session.ts";
import "./shell.css";

const tones: Record<LiveState["at"], Tone> = { connecting: "busy", live: "ok", reconnecting: "busy" };

export function LiveBadge() {
  const s = live.state.value;
  const since = cutSince();
  return (
    <span role="status">
      <State tone={since ? "warn" : tones[s.at]}>{since ? t("base.stale") : t(`base.${s.at}`)}</State>
    </span>
  );
}

/** What stays on the screen while nothing is heard must not be taken for now. */
function Cut() {
  const since = cutSince();
  if (!since) return null;
  return (
    <div class="panel cut" role="alert">
      <Notice tone="warn" title={t("base.stale_since", { since: relative(since, Date.now()) })}>
        {t("console.stale_help")}
      </Notice>
    </div>
  );
}

function Nav({ onGo }: { onGo: () => void }) {
  const at = place.value.path;
  return (
    <nav class="side" aria-label={t("console.screens")} onClick={(e) => (e.target as Element).closest("a") && onGo()}>
      <ul>
        {listed
          .filter((s) => !s.role || can(s.role))
          .map((s) => {
            const here = at === s.path || (s.path !== "/" && at.startsWith(s.path + "/")) || (s.also ?? []).some((p) => at.startsWith(p));
            return (
              <li key={s.path}>
                <a href={s.path} aria-current={here ? "page" : undefined}>
                  <Icon name={s.nav!.icon} />
                  {t(s.nav!.label)}
                </a>
              </li>
            );
          })}
      </ul>
    </nav>
  );
}

export function Shell() {
  const [open, setOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const path = place.value.path;
  const first = useRef(true);
  useEffect(() => {
    if (first.current) first.current = false;
    else main.current?.focus({ preventScroll: true });
  }, [path]);
  return (
    <div class={"shell" + (open ? " open" : "")}>
      <a class="skip" href="#main" onClick={(e) => (e.preventDefault(), main.current?.focus())}>
        {t("console.skip")}
      </a>
      <header class="top">
        <button type="button" class="plain menu" aria-expanded={open} aria-label={t("console.screens")} onClick={() => setOpen(!open)}>
          <Icon name={open ? "close" : "menu"} />
        </button>
        <a class="brand" href="/">
          <Mark />
          <span>Andon</span>
        </a>
        <span class="grow" />
        <LiveBadge />
        <LanguageChoice />
        <ThemeChoice />
        <a class="user" href="/account" title={t("console.role_is", { role: t(`console.role_${session.value!.role}` as Key) })}>
          {session.value!.user}
        </a>
        <button type="button" class="plain" aria-label={t("console.logout")} title={t("console.logout")} onClick={() => void logout()}>
          <Icon name="out" />
        </button>
      </header>
      <Nav onGo={() => setOpen(false)} />
      <main id="main" ref={main} tabIndex={-1}>
        <Cut />
        <Outlet />
      </main>
      <Toasts />
    </div>
  );
}
