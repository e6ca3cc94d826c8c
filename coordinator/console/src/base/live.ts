// Live events: Server-Sent Events read by fetch, so that a token works as well as a cookie and a refusal is seen.
// A cut stream is taken up again after the last event; the state of it is a signal that the shell shows.  A page that nobody
// sees holds none: a coordinator has 64 for all, and a browser opens six connections to it for all of its tabs.
import { signal, type Signal } from "@preact/signals";
import { Problem, withQuery, type Api } from "./api.ts";

export interface LiveEvent {
  seq: number;
  kind: string;
  subject: string;
  actor: string;
  time_ms: number;
  line: string;
  body: unknown;
}

export type LiveState = { at: "connecting" } | { at: "live" } | { at: "reconnecting"; since: number; attempt: number };

/** After this long without a stream what is shown counts as stale. */
const STALE_MS = 10_000;

/** Since when what is shown may be old; undefined: it is not, or only for a moment. */
export function staleSince(state: LiveState, now: number): number | undefined {
  return state.at === "reconnecting" && now - state.since >= STALE_MS ? state.since : undefined;
}

/** The server says something every 15 s at least. */
const SILENCE_MS = 40_000;

/** After this long all is read anew: what has happened since may be more than what there is to see. */
const FORGET_MS = 600_000;

export interface Live {
  state: Signal<LiveState>;
  /** Calls back for events whose kind begins with one of the prefixes; the result ends that. */
  on(prefixes: string[], call: (e: LiveEvent) => void): () => void;
  /** Calls back when a cut stream is live again: what was read before may be old. */
  onAgain(call: () => void): () => void;
  start(): void;
  stop(): void;
  /** Whether anybody sees the page; at first somebody does. */
  seen(visible: boolean): void;
}

/** One block of a stream ("id: 7\ndata: {...}").  Exported for tests. */
export function parseBlock(block: string): { id?: string; event?: string; data: string } | undefined {
  const out: { id?: string; event?: string; data: string } = { data: "" };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0 || line === "") continue; // a comment
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") data.push(value);
    else if (field === "id") out.id = value;
    else if (field === "event") out.event = value;
  }
  if (data.length === 0) return undefined;
  out.data = data.join("\n");
  return out;
}

/** Waits between attempts, in ms: 1, 2, 4 ... 30 s, with a fifth of chance so that many browsers do not come at once. */
export function backoff(attempt: number, chance = Math.random()): number {
  return Math.min(30_000, 1000 * 2 ** Math.min(attempt, 5)) * (0.8 + 0.4 * chance);
}

export function createLive(api: Api, path = "/events", clock = Date.now): Live {
  const state = signal<LiveState>({ at: "connecting" });
  const listeners = new Set<{ prefixes: string[]; call: (e: LiveEvent) => void }>();
  const again = new Set<() => void>();
  let last: number | undefined;
  let abort: AbortController | undefined;
  let running = 0;
  let wake: (() => void) | undefined;
  let wanted = false;
  let visible = true;
  let heardAt = 0;
  let gap = false;

  function deliver(e: LiveEvent): void {
    if (last !== undefined && e.seq <= last) return;
    last = e.seq;
    for (const l of listeners) if (l.prefixes.some((p) => e.kind.startsWith(p))) l.call(e);
  }

  function heard(): void {
    const was = state.value.at;
    if (was === "live") return;
    state.value = { at: "live" };
    if (was !== "connecting" || gap) for (const call of again) call();
    gap = false;
  }

  async function read(signal: AbortSignal, silence: () => void): Promise<void> {
    const headers: Record<string, string> = { Accept: "text/event-stream" };
    if (last !== undefined && clock() - heardAt > FORGET_MS) {
      last = undefined;
      gap = true;
    }
    if (last !== undefined) headers["Last-Event-ID"] = String(last);
    const response = await api.open(withQuery(path, { after: last }), headers, signal);
    heardAt = clock();
    heard();
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      silence();
      heardAt = clock();
      text = (text + value).replace(/\r\n?/g, "\n");
      for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
        const block = parseBlock(text.slice(0, end));
        text = text.slice(end + 2);
        if (block) deliver(JSON.parse(block.data) as LiveEvent);
      }
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      wake = () => {
        clearTimeout(timer);
        done();
      };
    });
  }

  async function run(me: number): Promise<void> {
    let since = 0;
    for (let attempt = 0; me === running; attempt++) {
      abort = new AbortController();
      let timer: ReturnType<typeof setTimeout> | undefined;
      const mine = abort;
      const silence = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => mine.abort(), SILENCE_MS);
      };
      silence();
      try {
        await read(abort.signal, () => {
          attempt = 0;
          silence();
        });
      } catch (e) {
        if (e instanceof Problem && e.status === 401) {
          clearTimeout(timer);
          return; // the shell asks for a log-in and starts again
        }
      }
      clearTimeout(timer);
      if (me !== running) return;
      if (state.value.at === "live" || since === 0) since = Date.now();
      state.value = { at: "reconnecting", since, attempt };
      await pause(backoff(attempt));
    }
  }

  /** Ends what runs, and begins anew where it is wanted. */
  function turn(): void {
    running++;
    abort?.abort();
    wake?.();
    state.value = { at: "connecting" };
    if (wanted && visible) void run(running);
  }

  return {
    state,
    on(prefixes, call) {
      const l = { prefixes, call };
      listeners.add(l);
      return () => listeners.delete(l);
    },
    onAgain(call) {
      again.add(call);
      return () => again.delete(call);
    },
    start() {
      wanted = true;
      turn();
    },
    stop() {
      wanted = false;
      turn();
    },
    seen(now) {
      if (visible === now) return;
      visible = now;
      if (wanted) turn();
    },
  };
}
