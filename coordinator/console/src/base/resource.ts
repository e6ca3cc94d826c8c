// What a screen shows is a resource: it is read when the screen opens, again when an event says that it may have changed,
// and from time to time for what makes no events.
import { useEffect, useState } from "preact/hooks";
import { Problem, withQuery, type Api, type Query } from "./api.ts";
import type { Live } from "./live.ts";

export interface Resource<T> {
  data: T | undefined;
  /** of the last attempt; data may be there all the same, of an earlier one */
  error: unknown;
  loading: boolean;
  reload: () => void;
}

export interface ResourceOptions {
  query?: Query;
  /** prefixes of the kinds of events that it is read again for */
  on?: string[];
  /** ms; 0: never by itself */
  every?: number;
}

/** Many events at once are one reading, and no reading is more often than this. */
const QUIET_MS = 250;
const EVERY_MS = 30_000;

export function resourceHook(api: Api, live?: Live) {
  return function useResource<T>(path: string | null, options: ResourceOptions = {}): Resource<T> {
    const url = path === null ? null : withQuery(path, options.query);
    const [state, setState] = useState<{ url: string | null; data?: T; error?: unknown; loading: boolean }>({ url, loading: true });
    const [turn, setTurn] = useState(0);
    const kinds = (options.on ?? []).join(" ");
    const every = options.every ?? EVERY_MS;

    useEffect(() => {
      if (url === null) return;
      const abort = new AbortController();
      let timer: ReturnType<typeof setTimeout> | undefined;
      let busy = false;
      let due = false;
      const read = async (): Promise<void> => {
        if (busy) {
          due = true;
          return;
        }
        busy = true;
        due = false;
        try {
          const data = await api.get<T>(url, undefined, abort.signal);
          setState({ url, data, loading: false });
        } catch (error) {
          if (abort.signal.aborted) return;
          // What is gone is gone; what only failed leaves the last that was seen.
          const gone = error instanceof Problem && (error.status === 404 || error.status === 403);
          setState((s) => ({ url, ...(s.url === url && !gone ? { data: s.data as T } : {}), error, loading: false }));
        }
        busy = false;
        if (due) soon();
      };
      const soon = (): void => {
        if (timer === undefined)
          timer = setTimeout(() => {
            timer = undefined;
            void read();
          }, QUIET_MS);
      };
      void read();
      const off = kinds && live ? live.on(kinds.split(" "), soon) : undefined;
      const offAgain = live?.onAgain(soon);
      const again = every > 0 ? setInterval(() => document.visibilityState === "visible" && soon(), every) : undefined;
      const seen = (): void => {
        if (document.visibilityState === "visible") soon();
      };
      document.addEventListener("visibilitychange", seen);
      return () => {
        abort.abort();
        clearTimeout(timer);
        clearInterval(again);
        off?.();
        offAgain?.();
        document.removeEventListener("visibilitychange", seen);
      };
    }, [url, kinds, every, turn]);

    const mine = state.url === url;
    return {
      data: mine ? state.data : undefined,
      error: mine ? state.error : undefined,
      loading: !mine || state.loading,
      reload: () => setTurn((n) => n + 1),
    };
  };
}
