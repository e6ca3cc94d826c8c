// A list that the server gives in pieces, the newest first: the first piece is a resource that is read again when something
// happens, older ones are fetched when they are asked for, and what was once seen stays.
import { useRef, useState } from "preact/hooks";
import { withQuery, type Api } from "./api.ts";
import type { resourceHook, ResourceOptions } from "./resource.ts";

export interface Pages<T> {
  rows: T[] | undefined;
  error: unknown;
  busy: boolean;
  reload: () => void;
  /** Fetches the next piece; undefined: there is none. */
  more: (() => void) | undefined;
}

type Piece = Record<string, unknown> & { next?: number };

/** New rows in their places, none twice: what is fresh wins.  Exported for tests. */
export function merge<T>(known: T[], fresh: T[], where: "before" | "after", id: (row: T) => unknown): T[] {
  const ids = new Set(fresh.map(id));
  if (where === "before") return [...fresh, ...known.filter((row) => !ids.has(id(row)))];
  const old = new Set(known.map(id));
  return [...known, ...fresh.filter((row) => !old.has(id(row)))];
}

export function pagesHook(api: Api, useResource: ReturnType<typeof resourceHook>) {
  return function usePages<T>(path: string | null, options: ResourceOptions & { key: string; id: (row: T) => unknown; limit?: number }): Pages<T> {
    const { key, id, limit = 100, query, ...rest } = options;
    const first = useResource<Piece>(path, { ...rest, query: { ...query, limit } });
    const [, setTurn] = useState(0);
    const all = useRef<{ url: string; of?: Piece; rows?: T[]; next?: number; older: boolean; busy: boolean; error?: unknown }>({ url: "", older: false, busy: false });

    const url = path === null ? "" : withQuery(path, query);
    if (all.current.url !== url) all.current = { url, older: false, busy: false };
    const s = all.current;
    if (first.data && first.data !== s.of) {
      s.of = first.data;
      s.rows = merge(s.rows ?? [], first.data[key] as T[], "before", id);
      if (!s.older) s.next = first.data.next;
    }

    async function more(): Promise<void> {
      if (path === null || s.busy) return;
      s.busy = true;
      s.error = undefined;
      setTurn((n) => n + 1);
      try {
        const piece = await api.get<Piece>(path, { ...query, limit, before: s.next });
        s.rows = merge(s.rows ?? [], piece[key] as T[], "after", id);
        s.next = piece.next;
        s.older = true;
      } catch (error) {
        s.error = error;
      }
      s.busy = false;
      setTurn((n) => n + 1);
    }

    return { rows: s.rows, error: s.error ?? first.error, busy: s.busy, reload: first.reload, more: s.next !== undefined ? () => void more() : undefined };
  };
}
