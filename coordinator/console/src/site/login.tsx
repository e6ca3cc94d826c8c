import { useEffect, useState } from "preact/hooks";
import { Problem } from "../base/api.ts";
import { t } from "../base/i18n.ts";
import { LanguageChoice, ThemeChoice } from "../shell/choices.tsx";
import { Mark } from "../shell/mark.tsx";
import { Notice, told } from "../ui/bits.tsx";
import { Dialog, Field } from "../ui/dialog.tsx";
import { asking, login, name, nameFits, setName } from "./agent.ts";

const Choices = () => (
  <div class="row choices">
    <LanguageChoice />
    <ThemeChoice />
  </div>
);

export function Login() {
  const [token, setToken] = useState("");
  const [who, setWho] = useState(name.value);
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState<string>();

  async function submit(e: Event): Promise<void> {
    e.preventDefault();
    if (busy) return;
    setBusy(true);
    setWrong(undefined);
    try {
      if (nameFits(who)) setName(who);
      await login(token.trim());
    } catch (error) {
      setWrong(error instanceof Problem && error.status === 401 ? t("site.token_wrong") : told(error));
      setToken("");
    }
    setBusy(false);
  }

  return (
    <main class="login">
      <form class="panel" onSubmit={(e) => void submit(e)}>
        <div class="mark">
          <Mark />
          <h1>{t("site.login")}</h1>
        </div>
        <Field label={t("site.token")} help={t("site.token_help")} wrong={wrong}>
          {(p) => (
            <input {...p} type="password" name="token" autoComplete="current-password" autoFocus required value={token} onInput={(e) => setToken(e.currentTarget.value)} />
          )}
        </Field>
        <Field label={t("site.name")} help={t("site.name_help")}>
          {(p) => <input {...p} name="name" autoComplete="name" maxLength={63} value={who} onInput={(e) => setWho(e.currentTarget.value)} />}
        </Field>
        <button type="submit" class="primary" aria-disabled={busy}>
          {t(busy ? "base.working" : "site.enter")}
        </button>
      </form>
      <Choices />
    </main>
  );
}

/** Before the agent has answered for the first time. */
export function NoAnswer() {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 1500);
    return () => clearTimeout(timer);
  }, []);
  if (!late) return null;
  return (
    <main class="login">
      <div class="panel" role="alert">
        <Notice tone="bad" title={t("site.lost")}>
          <p>{t("site.lost_help")}</p>
        </Notice>
      </div>
      <Choices />
    </main>
  );
}

/** Who does it is recorded: asked for once, when it is needed. */
export function NameDialog() {
  const answer = asking.value;
  const [text, setText] = useState(name.value);
  if (!answer) return null;
  return (
    <Dialog title={t("site.name")} onClose={() => answer("")}>
      <form
        class="form"
        onSubmit={(e) => {
          e.preventDefault();
          if (!nameFits(text)) return;
          setName(text);
          answer(text.trim());
        }}
      >
        <Field label={t("site.name")} help={t("site.name_help")}>
          {(p) => <input {...p} name="name" autoComplete="name" maxLength={63} required value={text} onInput={(e) => setText(e.currentTarget.value)} />}
        </Field>
        <div class="actions end">
          <button type="button" onClick={() => answer("")}>
            {t("base.cancel")}
          </button>
          <button type="submit" class="primary" disabled={!nameFits(text)}>
            {t("site.name_take")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
