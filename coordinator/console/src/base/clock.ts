// The time that ages are counted from: the server's, as far as it has told it, so that a wrong clock at the screen
// does not make everything look old.
import { signal } from "@preact/signals";

let offset = 0;
export const now = signal(Date.now());

export function serverTime(ms: number): void {
  offset = ms - Date.now();
  tick();
}

export function tick(): void {
  now.value = Date.now() + offset;
}

export function startClock(): void {
  setInterval(tick, 1000);
}
