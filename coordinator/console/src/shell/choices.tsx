import { language, languages, setLanguage, t, type Language } from "../base/i18n.ts";
import { choice, choose, type Choice } from "../base/theme.ts";
import { Icon } from "../ui/icon.tsx";

export function LanguageChoice() {
  return (
    <select class="small-select" aria-label={t("base.language")} value={language.value} onChange={(e) => void setLanguage(e.currentTarget.value as Language)}>
      {languages.map((l) => (
        <option key={l.id} value={l.id} lang={l.id}>
          {l.name}
        </option>
      ))}
    </select>
  );
}

const order: Choice[] = ["system", "light", "dark"];

export function ThemeChoice() {
  const at = choice.value;
  const next = order[(order.indexOf(at) + 1) % order.length]!;
  return (
    <button type="button" class="plain" aria-label={t("base.theme", { now: t(`base.theme_${at}`), next: t(`base.theme_${next}`) })} title={t(`base.theme_${at}`)} onClick={() => choose(next)}>
      <Icon name={at} />
    </button>
  );
}
