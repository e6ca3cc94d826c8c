// People: who may do what, about which sites; their passwords and the tokens of their programs.
import { useState } from "preact/hooks";
import { t, type Key } from "../base/i18n.ts";
import { to } from "../base/router.ts";
import { api, roles, useResource, type Role } from "../shell/session.ts";
import { Empty, Failed, Head, Loading, Panel, State, Time } from "../ui/bits.tsx";
import { ActionDialog, Dialog, Field } from "../ui/dialog.tsx";
import { Icon } from "../ui/icon.tsx";
import { Table } from "../ui/table.tsx";
import { chosenOk, isMe, PasswordDialog, PasswordField, passwordOk, RoleField, roleName, SitesField, Tokens, type Chosen, type User } from "./user_parts.tsx";
import "./work.css";

function NewUser({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("operator");
  const [sites, setSites] = useState<Chosen>();
  const [password, setPassword] = useState("");
  return (
    <ActionDialog
      title={t("work.new_user")}
      confirm={t("work.add_user")}
      reason="optional"
      ready={name.trim() !== "" && chosenOk(sites) && (password === "" || passwordOk(password))}
      done={t("work.user_added", { user: name.trim() })}
      act={(reason) => api.post("/users", { name: name.trim(), role, sites: sites ?? [], ...(password ? { password } : {}), ...(reason ? { reason } : {}) })}
      onClose={onClose}
    >
      <Field label={t("work.name")} help={t("work.name_help")}>
        {(p) => <input {...p} value={name} autoComplete="off" required maxLength={63} onInput={(e) => setName(e.currentTarget.value)} />}
      </Field>
      <RoleField role={role} set={setRole} />
      <SitesField chosen={sites} set={setSites} />
      <PasswordField value={password} set={setPassword} optional />
    </ActionDialog>
  );
}

function ChangeUser({ user, onClose }: { user: User; onClose: () => void }) {
  const [role, setRole] = useState<Role>(user.role);
  const [sites, setSites] = useState<Chosen>(user.sites.length > 0 ? user.sites : undefined);
  const same = role === user.role && (sites ?? []).join() === user.sites.join();
  return (
    <ActionDialog
      title={t("work.change_user", { user: user.name })}
      what={t("work.change_user_what")}
      confirm={t("work.change")}
      ready={!same && chosenOk(sites)}
      done={t("work.user_changed", { user: user.name })}
      act={(reason) => api.post("/users/" + encodeURIComponent(user.name), { role, sites: sites ?? [], reason })}
      onClose={onClose}
    >
      <RoleField role={role} set={setRole} />
      <SitesField chosen={sites} set={setSites} />
    </ActionDialog>
  );
}

type Doing = { what: "change" | "password" | "tokens" | "remove"; user: User };

export default function Users() {
  const r = useResource<{ users: User[] }>("/users", { on: ["user."] });
  const [fresh, setFresh] = useState(false);
  const [doing, setDoing] = useState<Doing>();
  const users = r.data?.users;
  const close = (): void => {
    setDoing(undefined);
    setFresh(false);
    r.reload();
  };
  const act = (what: Doing["what"], user: User, label: string) => (
    <button type="button" class="tiny" onClick={() => setDoing({ what, user })}>
      {label}
      <span class="unseen">: {user.name}</span>
    </button>
  );
  return (
    <div class="page">
      <Head title={t("work.users")} under={users && <span>{t("work.n_users", { n: users.length })}</span>}>
        <button type="button" class="primary" onClick={() => setFresh(true)}>
          <Icon name="users" />
          {t("work.new_user")}
        </button>
      </Head>
      <Panel title={t("work.users")}>
        {!users ? (
          r.error ? (
            <Failed error={r.error} retry={r.reload} />
          ) : (
            <Loading />
          )
        ) : (
          <Table
            caption={t("work.users")}
            rows={users}
            id={(u) => u.name}
            sort="name"
            empty={<Empty title={t("work.no_users")}>{t("work.no_users_help")}</Empty>}
            columns={[
              { id: "name", head: t("work.name"), cell: (u) => <><strong>{u.name}</strong>{isMe(u.name) && <span class="dim"> {t("work.you")}</span>}</>, by: (u) => u.name },
              { id: "role", head: t("work.role"), cell: (u) => <span title={t(`work.role_can_${u.role}` as Key)}>{roleName(u.role)}</span>, by: (u) => -roles.indexOf(u.role) },
              { id: "sites", head: t("work.sites_of"), cell: (u) => (u.sites.length === 0 ? t("work.all_sites") : u.sites.map((s, i) => <span key={s}>{i > 0 && ", "}<a href={to("/sites/:name", { name: s })}>{s}</a></span>)), by: (u) => u.sites.length },
              { id: "password", head: t("work.password"), cell: (u) => (u.password ? <span>{t("work.set")} <Time ms={u.password_ms} /></span> : <State tone="warn">{t("work.no_password")}</State>), by: (u) => u.password_ms },
              { id: "tokens", head: t("work.tokens"), cell: (u) => u.tokens, by: (u) => u.tokens, end: true },
              { id: "since", head: t("work.created"), cell: (u) => <Time ms={u.created_ms} />, by: (u) => -u.created_ms },
              { id: "do", head: t("work.actions"), cell: (u) => <span class="row">{act("change", u, t("work.change"))}{act("password", u, t("work.password"))}{act("tokens", u, t("work.tokens"))}{act("remove", u, t("work.remove"))}</span> },
            ]}
          />
        )}
      </Panel>
      <Panel title={t("work.roles")}>
        <dl class="inside roles">
          {roles.map((role) => [<dt key={role}>{roleName(role)}</dt>, <dd key={role + "="}>{t(`work.role_can_${role}` as Key)}</dd>])}
        </dl>
      </Panel>
      {fresh && <NewUser onClose={close} />}
      {doing?.what === "change" && <ChangeUser user={doing.user} onClose={close} />}
      {doing?.what === "password" && <PasswordDialog user={doing.user.name} own={false} onClose={close} />}
      {doing?.what === "tokens" && (
        <Dialog title={t("work.tokens_of", { user: doing.user.name })} onClose={close} wide>
          <Tokens user={doing.user.name} most={doing.user.role} />
        </Dialog>
      )}
      {doing?.what === "remove" && (
        <ActionDialog
          title={t("work.remove_title", { user: doing.user.name })}
          what={t("work.remove_what")}
          confirm={t("work.remove")}
          danger
          done={t("work.removed", { user: doing.user.name })}
          act={(reason) => api.post(`/users/${encodeURIComponent(doing.user.name)}/remove`, { reason })}
          onClose={close}
        />
      )}
    </div>
  );
}
