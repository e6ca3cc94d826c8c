// Light and dark: as the system has it, or by choice.  The colours are variables in ui/tokens.css.
import { effect, signal } from "@preact/signals";

export type Choice = "system" | "light" | "dark";
const STORED = "andon.theme";

export const choice = signal<Choice>("system");
export const dark = signal(false);

export function startTheme(): void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const systemDark = signal(system.matches);
  system.addEventListener("change", () => (systemDark.value = system.matches));
  try {
    const kept = localStorage.getItem(STORED);
    if (kept === "light" || kept === "dark") choice.value = kept;
  } catch {
    // Nothing is kept here: the system's then.
  }
  effect(() => {
    dark.value = choice.value === "dark" || (choice.value === "system" && systemDark.value);
    document.documentElement.dataset.theme = dark.value ? "dark" : "light";
  });
}

export function choose(c: Choice): void {
  choice.value = c;
  try {
    localStorage.setItem(STORED, c);
  } catch {
    // It holds until the page is closed.
  }
}
