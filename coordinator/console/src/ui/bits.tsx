// The small parts that every screen is made of.
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../base/api.ts";
import { now } from "../base/clock.ts";
import { absolute, bytes, duration, relative } from "../base/format.ts";
import { language, t } from "../base/i18n.ts";
import { Icon, type IconName } from "./icon.tsx";
import { toast } from "./toast.tsx";

export type Tone = "ok" | "warn" | "bad" | "info" | "busy" | "idle" | "wait";

/** A state: an icon of its own form, and words. */
export function State({ tone, children, title }: { tone: Tone; children: ComponentChildren; title?: string }) {
  return (
    <span class={"state " + tone} title={title}>
      <Icon name={tone} />
      {children}
    </span>
  );
}

/** "3 minutes ago"; the whole date on hover and for screen readers' long form. */
export function Time({ ms, none }: { ms: number | undefined | null; none?: string }) {
  if (!ms) return <span class="dim">{none ?? t("base.never")}</span>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={absolute(ms)} class="nowrap">
      {relative(ms, now.value)}
    </time>
  );
}

/** The date first, for histories. */
export function When({ ms }: { ms: number | undefined | null }) {
  if (!ms) return <span class="dim">{t("base.never")}</span>;
  return (
    <time dateTime={new Date(ms).toISOString()} title={relative(ms, now.value)} class="nowrap">
      {absolute(ms)}
    </time>
  );
}

export function Duration({ ms }: { ms: number }) {
  return <span class="nowrap">{duration(ms)}</span>;
}

export function Bytes({ n }: { n: number | undefined | null }) {
  if (n === undefined || n === null) return <span class="dim">–</span>;
  return (
    <span class="nowrap" title={String(n)}>
      {bytes(n)}
    </span>
  );
}

export async function copyText(text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    toast(t("base.copied"), "ok");
  } catch {
    toast(t("base.not_copied"), "bad"); // no clipboard on plain http outside the loopback
  }
}

export function Copy({ text, label }: { text: string; label?: string }) {
  return (
    <button type="button" class="plain tiny" aria-label={label ?? t("base.copy")} title={label ?? t("base.copy")} onClick={() => void copyText(text)}>
      <Icon name="copy" />
    </button>
  );
}

/** The focus where what had it is gone: the keys go on from there, and a reader says where one is. */
export function focusMain(): void {
  document.getElementById("main")?.focus({ preventScroll: true });
}

/** The beginning of a hash, the whole of it on hover and by the button. */
export function Hash({ hash, href, n = 10 }: { hash: string | null | undefined; href?: string; n?: number }) {
  if (!hash) return <span class="dim">–</span>;
  const text = hash.slice(0, n);
  return (
    <span class="hash" title={hash}>
      {href ? <a href={href}>{text}</a> : text}
      <Copy text={hash} label={t("base.copy_hash", { hash: text })} />
    </span>
  );
}

/** What is wider than its place is scrolled by the keys, too: where nothing in it takes the focus, it does so itself. */
export function Scroll({ label, children }: { label: string; children: ComponentChildren }) {
  const ref = useRef<HTMLDivElement>(null);
  const [alone, setAlone] = useState(false);
  useEffect(() => {
    const e = ref.current!;
    const size = new ResizeObserver(() => setAlone(e.scrollWidth > e.clientWidth && !e.querySelector("a[href], button, input, select")));
    size.observe(e);
    size.observe(e.firstElementChild!);
    return () => size.disconnect();
  }, []);
  return (
    <div class="scroll" ref={ref} {...(alone ? { tabIndex: 0, role: "region", "aria-label": label } : {})}>
      {children}
    </div>
  );
}

export function Bar({ share, label, tone }: { share: number; label: string; tone?: "warn" | "bad" }) {
  const percent = Math.round(Math.max(0, Math.min(1, share)) * 100);
  return (
    <div class={"bar " + (tone ?? "")} role="progressbar" aria-label={label} aria-valuenow={percent} aria-valuemin={0} aria-valuemax={100}>
      <span style={{ width: percent + "%" }} />
    </div>
  );
}

export function Notice({ tone, title, children }: { tone?: "bad" | "warn" | "ok" | "info"; title: string; children?: ComponentChildren }) {
  const icon: IconName = tone ?? "info";
  return (
    <div class={"notice " + (tone ?? "")} role={tone === "bad" ? "alert" : undefined}>
      <Icon name={icon} />
      <div>
        <strong>{title}</strong>
        {children}
      </div>
    </div>
  );
}

export const Empty = ({ title, children }: { title: string; children?: ComponentChildren }) => (
  <Notice tone="info" title={title}>
    {children}
  </Notice>
);

export function Loading() {
  return (
    <div class="loading" role="status">
      <span class="unseen">{t("base.loading")}</span>
      <i />
      <i />
      <i />
    </div>
  );
}

/** What went wrong in words: the server's own where it gave some. */
export function told(e: unknown): string {
  if (!(e instanceof Problem)) return e instanceof Error ? e.message : String(e);
  if (e.status === 0) return t("base.offline");
  return e.detail || e.title || t("base.failed", { status: e.status });
}

export function Failed({ error, retry }: { error: unknown; retry?: () => void }) {
  return (
    <Notice tone="bad" title={t("base.cannot_show")}>
      <p>{told(error)}</p>
      {retry && (
        <p style={{ marginTop: "8px" }}>
          <button type="button" onClick={retry}>
            {t("base.retry")}
          </button>
        </p>
      )}
    </Notice>
  );
}

export function Panel({ title, children, actions, id }: { title: string; children: ComponentChildren; actions?: ComponentChildren; id?: string }) {
  const [own] = useState(() => "panel-" + Math.random().toString(36).slice(2, 8));
  const at = id ?? own;
  return (
    <section class="panel" aria-labelledby={at}>
      <header>
        <h2 id={at}>{title}</h2>
        {actions}
      </header>
      {children}
    </section>
  );
}

export function Facts({ rows }: { rows: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** Words that the program at the other end said: they are English in every language of the page. */
export function Said({ children }: { children: ComponentChildren }) {
  return language.value === "en" ? <>{children}</> : <span lang="en">{children}</span>;
}

/** The top of a screen; its heading is the title of the page, too. */
export function Head({ title, crumbs, under, children }: { title: ComponentChildren; crumbs?: [string, string][]; under?: ComponentChildren; children?: ComponentChildren }) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = (heading.current?.firstChild?.textContent ?? "") + " · Andon";
  }, [title]);
  return (
    <div class="head">
      <div class="grow">
        {crumbs && (
          <nav class="crumbs" aria-label={t("base.crumbs")}>
            {crumbs.map(([href, name]) => (
              <span key={href}>
                <a href={href}>{name}</a> /
              </span>
            ))}
          </nav>
        )}
        <h1 ref={heading}>{title}</h1>
        {under && <div class="under">{under}</div>}
      </div>
      {children && <div class="actions">{children}</div>}
    </div>
  );
}

export function Tabs({ label, tabs, at }: { label: string; tabs: { id: string; name: string; href: string }[]; at: string }) {
  return (
    <nav class="tabs" aria-label={label}>
      {tabs.map((tab) => (
        <a key={tab.id} href={tab.href} aria-current={tab.id === at ? "page" : undefined}>
          {tab.name}
        </a>
      ))}
    </nav>
  );
}
