// One's own account: what one may do, one's password, the tokens of one's programs.
import { useState } from "preact/hooks";
import { t, type Key } from "../base/i18n.ts";
import { session } from "../shell/session.ts";
import { Facts, Head, Notice, Panel, When } from "../ui/bits.tsx";
import { PasswordDialog, roleName, Tokens } from "./user_parts.tsx";
import "./work.css";

export default function Account() {
  const [changing, setChanging] = useState(false);
  const s = session.value!;
  // The token that the coordinator made for its administrator is nobody's account.
  const builtIn = s.user === "admin";
  return (
    <div class="page">
      <Head title={t("work.account")}>
        {!builtIn && (
          <button type="button" onClick={() => setChanging(true)}>
            {t("work.own_password")}
          </button>
        )}
      </Head>
      <Panel title={s.user}>
        <div class="inside">
          <Facts
            rows={[
              [t("work.role"), roleName(s.role)],
              [t("work.may"), t(`work.role_can_${s.role}` as Key)],
              [t("work.sites_of"), s.sites.length === 0 ? t("work.all_sites") : s.sites.join(", ")],
              ...(s.expires_ms > 0 ? ([[t("work.logged_in_until"), <When ms={s.expires_ms} />]] as [string, preact.ComponentChildren][]) : []),
            ]}
          />
        </div>
      </Panel>
      {builtIn ? (
        <div class="panel">
          <Notice tone="info" title={t("work.built_in")}>
            <p>{t("work.built_in_help")}</p>
          </Notice>
        </div>
      ) : (
        <Panel title={t("work.tokens")}>
          <Tokens user={s.user} most={s.role} />
        </Panel>
      )}
      {changing && <PasswordDialog user={s.user} own onClose={() => setChanging(false)} />}
    </div>
  );
}
