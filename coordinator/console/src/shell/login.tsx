import { useEffect, useRef, useState } from "preact/hooks";
import { Problem } from "../base/api.ts";
import { t } from "../base/i18n.ts";
import { told } from "../ui/bits.tsx";
import { Field } from "../ui/dialog.tsx";
import { LanguageChoice, ThemeChoice } from "./choices.tsx";
import { ended, login, loginToken } from "./session.ts";
import { Mark } from "./mark.tsx";

export function Login() {
  const [byToken, setByToken] = useState(false);
  const [user, setUser] = useState(ended.value ?? "");
  const [secret, setSecret] = useState("");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string>();

  const form = useRef<HTMLFormElement>(null);

  useEffect(() => {
    document.title = t("console.login") + " · Andon";
  }, []);
  // autofocus holds for the first form of a page alone.
  useEffect(() => {
    const fields = [...form.current!.querySelectorAll("input")];
    (fields.find((f) => f.value === "") ?? fields[0])?.focus();
  }, [byToken]);

  async function submit(e: Event): Promise<void> {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    setWrong(undefined);
    try {
      await (byToken ? loginToken(secret.trim()) : login(user.trim(), secret));
    } catch (error) {
      const refused = error instanceof Problem && error.status === 401;
      setWrong(refused ? t(byToken ? "console.login_token_wrong" : "console.login_wrong") : told(error));
      setSecret("");
      form.current?.querySelector<HTMLInputElement>("input[type=password]")?.focus();
    }
    setBusy(false);
  }

  return (
    <main class="login">
      <form class="panel" ref={form} onSubmit={(e) => void submit(e)}>
        <div class="mark">
          <Mark />
          <h1>{t("console.login")}</h1>
        </div>
        {ended.value && (
          <p role="status" class="dim">
            {t("console.session_ended")}
          </p>
        )}
        {!byToken && (
          <Field label={t("console.user")}>
            {(p) => <input {...p} name="user" autoComplete="username" required value={user} onInput={(e) => setUser(e.currentTarget.value)} />}
          </Field>
        )}
        <Field label={t(byToken ? "console.token" : "console.password")} help={byToken ? t("console.token_help") : undefined} wrong={wrong}>
          {(p) => (
            <input
              {...p}
              key={String(byToken)}
              type="password"
              name={byToken ? "token" : "password"}
              autoComplete={byToken ? "off" : "current-password"}
              required
              value={secret}
              onInput={(e) => setSecret(e.currentTarget.value)}
            />
          )}
        </Field>
        <button type="submit" class="primary" aria-disabled={busy}>
          {t(busy ? "base.working" : "console.enter")}
        </button>
        <button
          type="button"
          class="plain"
          onClick={() => {
            setByToken(!byToken);
            setSecret("");
            setWrong(undefined);
          }}
        >
          {t(byToken ? "console.by_password" : "console.by_token")}
        </button>
        <details class="small">
          <summary>{t("console.first_time")}</summary>
          <p class="dim">{t("console.first_time_help")}</p>
        </details>
      </form>
      <div class="row choices">
        <LanguageChoice />
        <ThemeChoice />
      </div>
    </main>
  );
}
