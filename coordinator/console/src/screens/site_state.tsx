import { t, word } from "../base/i18n.ts";
import type { Site } from "../base/shapes.ts";
import { now } from "../base/clock.ts";
import { State, Time } from "../ui/bits.tsx";
import { SILENT_MS } from "./needs.ts";

/** Admitted and there, admitted and silent, or not admitted. */
export function SiteState({ site }: { site: Site }) {
  if (site.status === "requested") return <State tone="wait">{t("console.asks")}</State>;
  if (site.status !== "approved") return <State tone="idle">{word("console.site", site.status)}</State>;
  if (site.connected) return <State tone="ok">{t("console.connected")}</State>;
  const silent = now.value - (site.seen_ms ?? site.since_ms) > SILENT_MS;
  return (
    <State tone={silent ? "bad" : "warn"}>
      {site.seen_ms ? (
        <>
          {t("console.silent")} <Time ms={site.seen_ms} />
        </>
      ) : (
        t("console.not_seen")
      )}
    </State>
  );
}
