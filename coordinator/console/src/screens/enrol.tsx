// Letting sites in: a token for a new one, and the comparison of what asks with what its own screen says.
import { useEffect, useRef, useState } from "preact/hooks";
import { duration } from "../base/format.ts";
import { t } from "../base/i18n.ts";
import type { Roster, Site } from "../base/shapes.ts";
import { api, session, useResource } from "../shell/session.ts";
import { Copy, Empty, Failed, focusMain, Head, Loading, Panel, State, Time, told } from "../ui/bits.tsx";
import { ActionDialog, Field } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { toast } from "../ui/toast.tsx";
import { compare, Fingerprint } from "./fingerprint.tsx";
import "./site.css";
import "./enrol.css";

const VALID = [3_600_000, 86_400_000, 7 * 86_400_000];

function Token() {
  const [valid, setValid] = useState(VALID[0]!);
  const [site, setSite] = useState("");
  const [made, setMade] = useState<{ token: string; valid_ms: number; site: string }>();
  const [wrong, setWrong] = useState<string>();
  const [busy, setBusy] = useState(false);
  const shown = useRef<HTMLPreElement>(null);
  const first = useRef<HTMLInputElement>(null);
  const had = useRef(false);
  // The form and what comes of it take each other's place: the focus goes along.
  useEffect(() => {
    if (made) shown.current?.focus();
    else if (had.current) first.current?.focus();
    had.current = !!made;
  }, [made]);

  async function make(e: Event): Promise<void> {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    setWrong(undefined);
    try {
      const body = { valid_ms: valid, ...(site.trim() ? { site: site.trim() } : {}) };
      const answer = await api.post<{ token: string; valid_ms: number }>("/tokens", body);
      setMade({ ...answer, site: site.trim() });
    } catch (error) {
      setWrong(told(error));
    }
    setBusy(false);
  }

  return (
    <Panel title={t("console.token_make")}>
      <div class="inside stack">
        {made ? (
          <>
            <p>
              <strong>{t("console.token_once")}</strong> {t("console.token_valid", { time: duration(made.valid_ms) })}
            </p>
            <pre class="secret" data-test="token" ref={shown} tabIndex={-1} aria-label={t("console.token")}>
              {made.token} <Copy text={made.token} />
            </pre>
            <p>{t("console.token_use")}</p>
            <pre>
              andon-agent enrol TOKEN --site {made.site || t("console.token_name")} <Copy text={`andon-agent enrol ${made.token} --site ${made.site || "NAME"}`} label={t("console.copy_command")} />
            </pre>
            <div class="actions">
              <button type="button" onClick={() => setMade(undefined)}>
                {t("console.token_forget")}
              </button>
            </div>
          </>
        ) : (
          <form class="form" onSubmit={(e) => void make(e)}>
            <Field label={t("console.token_site")} help={t("console.token_site_help")} wrong={wrong}>
              {(p) => <input {...p} ref={first} name="site" autoComplete="off" spellcheck={false} value={site} onInput={(e) => setSite(e.currentTarget.value)} />}
            </Field>
            <Field label={t("console.token_for")}>
              {(p) => (
                <select {...p} value={valid} onChange={(e) => setValid(Number(e.currentTarget.value))}>
                  {VALID.map((v) => (
                    <option key={v} value={v}>
                      {duration(v)}
                    </option>
                  ))}
                </select>
              )}
            </Field>
            <div class="actions">
              <button type="submit" class="primary" aria-disabled={busy}>
                <Icon name="key" />
                {t("console.token_make")}
              </button>
            </div>
          </form>
        )}
      </div>
    </Panel>
  );
}

function Request({ site, reload }: { site: Site; reload: () => void }) {
  const [typed, setTyped] = useState("");
  const [denying, setDenying] = useState(false);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string>();
  const fit = compare(typed, site.fingerprint);
  const path = "/sites/" + encodeURIComponent(site.name);

  async function approve(e: Event): Promise<void> {
    e.preventDefault();
    if (fit.state !== "same" || busy) return;
    setBusy(true);
    try {
      // What the screen showed goes along: another site of this name would be refused.
      await api.post(path + "/approve", { fingerprint: site.fingerprint });
      toast(t("console.approved", { site: site.name }), "ok");
      focusMain();
      reload();
    } catch (error) {
      setWrong(told(error));
    }
    setBusy(false);
  }

  return (
    <li class="request" data-site={site.name}>
      <div class="row">
        <h3>{site.name}</h3>
        <State tone="wait">{t("console.asks")}</State>
        <span class="dim">
          <Time ms={site.since_ms} />
        </span>
      </div>
      <div class="shown" aria-label={t("console.fingerprint")}>
        <Fingerprint text={site.fingerprint} />
      </div>
      <form class="form" onSubmit={(e) => void approve(e)}>
        <Field label={t("console.type_fingerprint")} help={t("console.type_fingerprint_help")} wrong={fit.state === "wrong" ? t("console.fingerprint_wrong", { n: fit.at + 1 }) : wrong}>
          {(p) => <input {...p} class="mono" autoComplete="off" spellcheck={false} autoCapitalize="none" value={typed} onInput={(e) => setTyped(e.currentTarget.value)} />}
        </Field>
        <div class="actions">
          <button type="submit" class="primary" disabled={fit.state !== "same"} aria-disabled={busy}>
            {t("console.approve_site", { site: site.name })}
          </button>
          <button type="button" onClick={() => setDenying(true)}>
            {t("console.deny")}
          </button>
          <span role="status">{fit.state === "same" && <State tone="ok">{t("console.fingerprint_same")}</State>}</span>
        </div>
      </form>
      {denying && (
        <ActionDialog
          title={t("console.deny_site", { site: site.name })}
          what={t("console.deny_what")}
          confirm={t("console.deny")}
          danger
          act={(reason) => api.post(path + "/deny", { reason })}
          done={t("console.denied", { site: site.name })}
          onClose={() => {
            setDenying(false);
            reload();
          }}
        />
      )}
    </li>
  );
}

function RosterPanel() {
  const whole = session.value?.sites.length === 0;
  const roster = useResource<Roster>(whole ? "/roster" : null, { on: ["roster.", "site."] });
  const r = roster.data;
  if (!r) return null;
  const command = r.root.protected ? "andon site roster --key release.key" : "andon site roster";
  return (
    <Panel title={t("console.roster")}>
      <div class="inside stack">
        <p class="dim">{t("console.roster_help")}</p>
        <p class="row">
          {r.waiting ? <State tone="wait">{t("console.roster_waits")}</State> : r.counter > 0 ? <State tone="ok">{t("console.roster_holds", { n: r.sites.length, counter: r.counter })}</State> : <State tone="idle">{t("console.roster_none")}</State>}
          {r.root.roster_expires_ms > 0 && (
            <span class={r.root.roster_expires_soon ? "" : "dim"}>
              {t("console.expires")} <Time ms={r.root.roster_expires_ms} />
            </span>
          )}
        </p>
        {(r.waiting || r.root.roster_expires_soon) && (
          <>
            <p>{t("console.roster_sign")}</p>
            <pre>
              {command} <Copy text={command} label={t("console.copy_command")} />
            </pre>
          </>
        )}
      </div>
    </Panel>
  );
}

export default function Enrol() {
  const sites = useResource<{ sites: Site[] }>("/sites", { on: ["site."], every: 5000 });
  const asking = (sites.data?.sites ?? []).filter((s) => s.status === "requested");
  return (
    <div class="page">
      <Head title={t("console.enrol")} crumbs={[["/", t("console.fleet")]]} />
      <div class="columns">
        <Panel title={t("console.asking")}>
          {sites.error ? (
            <Failed error={sites.error} retry={sites.reload} />
          ) : !sites.data ? (
            <Loading />
          ) : asking.length === 0 ? (
            <Empty title={t("console.asking_none")}>{t("console.asking_none_help")}</Empty>
          ) : (
            <ul>
              {asking.map((s) => (
                <Request key={s.name + s.fingerprint} site={s} reload={sites.reload} />
              ))}
            </ul>
          )}
        </Panel>
        <div class="stack" style={{ gap: "16px" }}>
          <Token />
          <RosterPanel />
        </div>
      </div>
    </div>
  );
}
