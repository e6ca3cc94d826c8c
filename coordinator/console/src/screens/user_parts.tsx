// A user's sites, password and tokens: shared by the list of users and by one's own account.
import { useId, useState } from "preact/hooks";
import { t, type Key } from "../base/i18n.ts";
import type { Site } from "../base/shapes.ts";
import { api, roles, session, useResource, type Role } from "../shell/session.ts";
import { Copy, Empty, Failed, Loading, Notice, Time, When } from "../ui/bits.tsx";
import { ActionDialog, Dialog, Field } from "../ui/dialog.tsx";
import { Table } from "../ui/table.tsx";

export interface User {
  name: string;
  role: Role;
  sites: string[];
  password: boolean;
  password_ms: number;
  created_ms: number;
  tokens: number;
}

interface Token {
  id: string;
  label: string;
  role: Role;
  created_ms: number;
  expires_ms: number;
  token?: string;
}

const DAY = 86_400_000;
const PASSWORD_MIN = 12;

export const roleName = (role: Role): string => t(`console.role_${role}` as Key);
const userPath = (name: string): string => "/users/" + encodeURIComponent(name);

export function RoleField({ role, set, most }: { role: Role; set: (r: Role) => void; most?: Role }) {
  return (
    <Field label={t("work.role")} help={t(`work.role_can_${role}` as Key)}>
      {(p) => (
        <select {...p} value={role} onChange={(e) => set(e.currentTarget.value as Role)}>
          {roles.filter((r) => !most || roles.indexOf(r) <= roles.indexOf(most)).map((r) => (
            <option key={r} value={r}>
              {roleName(r)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

/** undefined: all sites, those to come among them; none chosen yet is not all. */
export type Chosen = string[] | undefined;
export const chosenOk = (sites: Chosen): boolean => sites === undefined || sites.length > 0;

export function SitesField({ chosen, set }: { chosen: Chosen; set: (s: Chosen) => void }) {
  const sites = useResource<{ sites: Site[] }>("/sites");
  const help = useId();
  const names = [...new Set([...(sites.data?.sites ?? []).filter((s) => s.status === "approved").map((s) => s.name), ...(chosen ?? [])])].sort();
  return (
    <fieldset class="field plainset" aria-describedby={chosenOk(chosen) ? undefined : help}>
      <legend class="label">{t("work.sites_of")}</legend>
      <label class="row">
        <input type="radio" name="which" checked={chosen === undefined} onChange={() => set(undefined)} />
        {t("work.all_sites_to_come")}
      </label>
      <label class="row">
        <input type="radio" name="which" checked={chosen !== undefined} disabled={names.length === 0} onChange={() => set([])} />
        {t("work.only_these")}
      </label>
      {chosen && (
        <div class="choices">
          {names.map((n) => (
            <label key={n} class="row">
              <input type="checkbox" checked={chosen.includes(n)} onChange={(e) => set(e.currentTarget.checked ? [...chosen, n] : chosen.filter((x) => x !== n))} />
              {n}
            </label>
          ))}
        </div>
      )}
      {!chosenOk(chosen) && (
        <span class="help" id={help}>
          {t("work.choose_site")}
        </span>
      )}
    </fieldset>
  );
}

export function PasswordField({ value, set, optional }: { value: string; set: (v: string) => void; optional?: boolean }) {
  const short = value !== "" && new TextEncoder().encode(value).length < PASSWORD_MIN;
  return (
    <Field label={t("work.new_password")} help={t(optional ? "work.password_later" : "work.password_help", { n: PASSWORD_MIN })} wrong={short ? t("work.password_short", { n: PASSWORD_MIN }) : undefined}>
      {(p) => <input {...p} type="password" autoComplete="new-password" value={value} onInput={(e) => set(e.currentTarget.value)} />}
    </Field>
  );
}
export const passwordOk = (v: string): boolean => new TextEncoder().encode(v).length >= PASSWORD_MIN;

export function PasswordDialog({ user, own, onClose }: { user: string; own: boolean; onClose: () => void }) {
  const [old, setOld] = useState("");
  const [password, setPassword] = useState("");
  return (
    <ActionDialog
      title={own ? t("work.own_password") : t("work.password_of", { user })}
      what={<p class="dim">{t("work.password_what")}</p>}
      confirm={t("work.set_password")}
      reason="none"
      ready={passwordOk(password) && (!own || old !== "")}
      done={t("work.password_set")}
      act={() => api.post(userPath(user), { password, ...(own ? { old } : {}) })}
      onClose={onClose}
    >
      {own && (
        <Field label={t("work.old_password")}>{(p) => <input {...p} type="password" autoComplete="current-password" value={old} onInput={(e) => setOld(e.currentTarget.value)} />}</Field>
      )}
      <PasswordField value={password} set={setPassword} />
    </ActionDialog>
  );
}

function NewToken({ user, most, onClose, onMade }: { user: string; most: Role; onClose: () => void; onMade: (t: Token) => void }) {
  const [label, setLabel] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [days, setDays] = useState(90);
  return (
    <ActionDialog
      title={t("work.new_token")}
      what={<p class="dim">{t("work.token_what")}</p>}
      confirm={t("work.make_token")}
      reason="none"
      ready={label.trim() !== ""}
      act={async () => onMade((await api.post<{ token: Token }>(userPath(user) + "/tokens", { label: label.trim(), role, valid_ms: days * DAY })).token)}
      onClose={onClose}
    >
      <Field label={t("work.token_label")} help={t("work.token_label_help")}>
        {(p) => <input {...p} value={label} maxLength={60} required onInput={(e) => setLabel(e.currentTarget.value)} />}
      </Field>
      <RoleField role={role} set={setRole} most={most} />
      <Field label={t("work.valid_for")}>
        {(p) => (
          <select {...p} value={days} onChange={(e) => setDays(Number(e.currentTarget.value))}>
            {[1, 7, 30, 90, 365].map((n) => (
              <option key={n} value={n}>
                {t("work.n_days", { n })}
              </option>
            ))}
          </select>
        )}
      </Field>
    </ActionDialog>
  );
}

/** The text of a token is shown this once: afterwards there is only its hash. */
function Shown({ token, onClose }: { token: Token; onClose: () => void }) {
  return (
    <Dialog title={t("work.token_made", { label: token.label })} onClose={onClose}>
      <Notice tone="warn" title={t("work.shown_once")} />
      <p class="mono secret">
        {token.token} <Copy text={token.token ?? ""} />
      </p>
      <p class="dim small">
        {t("work.token_use")} <code>Authorization: Bearer …</code>
      </p>
      <div class="actions end">
        <button type="button" class="primary" onClick={onClose}>
          {t("work.kept_it")}
        </button>
      </div>
    </Dialog>
  );
}

export function Tokens({ user, most }: { user: string; most: Role }) {
  const r = useResource<{ tokens: Token[] }>(userPath(user) + "/tokens", { on: ["user."] });
  const [fresh, setFresh] = useState(false);
  const [made, setMade] = useState<Token>();
  const [gone, setGone] = useState<Token>();
  const tokens = r.data?.tokens;
  return (
    <>
      {!tokens ? (
        r.error ? (
          <Failed error={r.error} retry={r.reload} />
        ) : (
          <Loading />
        )
      ) : (
        <Table
          caption={t("work.tokens_of", { user })}
          rows={tokens}
          id={(x) => x.id}
          empty={<Empty title={t("work.no_tokens")}>{t("work.no_tokens_help")}</Empty>}
          columns={[
            { id: "label", head: t("work.token_label"), cell: (x) => <strong>{x.label}</strong>, by: (x) => x.label },
            { id: "role", head: t("work.role"), cell: (x) => roleName(x.role), by: (x) => roles.indexOf(x.role) },
            { id: "made", head: t("work.made"), cell: (x) => <Time ms={x.created_ms} />, by: (x) => -x.created_ms },
            { id: "until", head: t("work.valid_until"), cell: (x) => <When ms={x.expires_ms} />, by: (x) => x.expires_ms },
            {
              id: "do",
              head: t("work.actions"),
              cell: (x) => (
                <button type="button" class="tiny" onClick={() => setGone(x)}>
                  {t("work.revoke")}
                  <span class="unseen">: {x.label}</span>
                </button>
              ),
            },
          ]}
        />
      )}
      <div class="inside actions">
        <button type="button" onClick={() => setFresh(true)}>
          {t("work.new_token")}
        </button>
      </div>
      {fresh && <NewToken user={user} most={most} onClose={() => setFresh(false)} onMade={(x) => (setMade(x), r.reload())} />}
      {made && !fresh && <Shown token={made} onClose={() => setMade(undefined)} />}
      {gone && (
        <ActionDialog
          title={t("work.revoke_title", { label: gone.label })}
          what={t("work.revoke_what")}
          confirm={t("work.revoke")}
          danger
          done={t("work.revoked", { label: gone.label })}
          act={async (reason) => {
            await api.post(userPath(user) + "/tokens/revoke", { id: gone.id, reason });
            r.reload();
          }}
          onClose={() => setGone(undefined)}
        />
      )}
    </>
  );
}

export const isMe = (name: string): boolean => session.value?.user === name;
