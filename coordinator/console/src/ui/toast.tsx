// Short words at the edge: what was done, what failed.  They are spoken, and those that failed stay until closed.
import { signal } from "@preact/signals";
import { t } from "../base/i18n.ts";
import { Icon } from "./icon.tsx";

interface Toast {
  id: number;
  text: string;
  tone: "ok" | "bad" | "info";
}

const toasts = signal<Toast[]>([]);
let next = 1;
const SHOWN_MS = 6000;
const MOST = 4;

function drop(id: number): void {
  toasts.value = toasts.value.filter((x) => x.id !== id);
}

export function toast(text: string, tone: Toast["tone"] = "info"): void {
  const id = next++;
  toasts.value = [...toasts.value.slice(1 - MOST), { id, text, tone }];
  if (tone !== "bad") setTimeout(() => drop(id), SHOWN_MS);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((x) => (
        <div key={x.id} class={"toast " + x.tone}>
          <Icon name={x.tone} />
          <span>{x.text}</span>
          <button type="button" class="plain tiny" aria-label={t("base.close")} onClick={() => drop(x.id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}
