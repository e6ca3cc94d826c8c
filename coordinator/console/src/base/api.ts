// The door to an HTTP API: JSON in and out, problems (RFC 9457) as errors, ETags, the session and its CSRF token.
// The console makes one for the coordinator (shell/session.ts), the agent's page one for the agent.

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
  ) {
    super(detail || title);
    this.name = "Problem";
  }
}

/** Status 0: no answer at all. */
export const isOffline = (e: unknown): boolean => e instanceof Problem && e.status === 0;

export type Query = Record<string, string | number | boolean | undefined>;

export interface Api {
  get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T>;
  post<T>(path: string, body?: object, options?: { key?: string }): Promise<T>;
  /** A request whose body is read by the caller, such as a stream of events. */
  open(path: string, headers: Record<string, string>, signal: AbortSignal): Promise<Response>;
  /** What goes with each request from now on. */
  credentials: { bearer?: string; csrf?: string };
  /** Called on each 401 that is not an answer to a login. */
  onUnauthorised?: () => void;
}

export function withQuery(path: string, query?: Query): string {
  const pairs = Object.entries(query ?? {}).filter(([, v]) => v !== undefined && v !== "");
  if (pairs.length === 0) return path;
  return path + "?" + pairs.map(([k, v]) => k + "=" + encodeURIComponent(String(v))).join("&");
}

const ETAGS_MAX = 200;
/** Somewhat longer than a coordinator lets a request wait. */
const ANSWER_MS = 45_000;

async function problemOf(response: Response): Promise<Problem> {
  let title = response.statusText;
  let detail = "";
  try {
    const body = (await response.json()) as { title?: unknown; detail?: unknown; error?: unknown };
    if (typeof body.title === "string") title = body.title;
    if (typeof body.detail === "string") detail = body.detail;
    else if (typeof body.error === "string") detail = body.error; // the agent's
  } catch {
    // Not a problem document: the status has to say it all.
  }
  return new Problem(response.status, title, detail);
}

export function createApi(base: string, fetcher: typeof fetch = (...a) => fetch(...a)): Api {
  const seen = new Map<string, { etag: string; body: unknown }>();

  async function ask(path: string, init: RequestInit, patience = ANSWER_MS): Promise<Response> {
    const given = init.signal;
    const abort = new AbortController();
    const cancel = (): void => abort.abort();
    given?.addEventListener("abort", cancel);
    const timer = setTimeout(cancel, patience);
    try {
      return await fetcher(base + path, { credentials: "same-origin", ...init, signal: abort.signal });
    } catch (e) {
      if (given?.aborted) throw e;
      throw new Problem(0, "", "");
    } finally {
      clearTimeout(timer); // a body may take longer, a stream's for ever
    }
  }

  function headersOf(more: Record<string, string> = {}): Record<string, string> {
    const { bearer } = api.credentials;
    return { Accept: "application/json", ...(bearer ? { Authorization: "Bearer " + bearer } : {}), ...more };
  }

  async function refuse(response: Response, path: string): Promise<never> {
    if (response.status === 401 && !path.startsWith("/session")) api.onUnauthorised?.();
    throw await problemOf(response);
  }

  const api: Api = {
    credentials: {},

    async get<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
      const url = withQuery(path, query);
      const known = seen.get(url);
      const response = await ask(url, {
        headers: headersOf(known ? { "If-None-Match": known.etag } : {}),
        signal: signal ?? null,
        cache: "no-store",
      });
      if (response.status === 304 && known) return known.body as T;
      if (!response.ok) return refuse(response, path);
      const body = (await response.json()) as T;
      const etag = response.headers.get("ETag");
      seen.delete(url);
      if (etag) {
        seen.set(url, { etag, body });
        if (seen.size > ETAGS_MAX) seen.delete(seen.keys().next().value!);
      }
      return body;
    },

    async post<T>(path: string, body: object = {}, options: { key?: string } = {}): Promise<T> {
      const { bearer, csrf } = api.credentials;
      const headers = headersOf({
        "Content-Type": "application/json",
        "Idempotency-Key": options.key ?? newKey(),
        ...(csrf && !bearer ? { "X-Andon-CSRF": csrf } : {}),
      });
      const response = await ask(path, { method: "POST", headers, body: JSON.stringify(body) });
      if (!response.ok) return refuse(response, path);
      const text = await response.text();
      return (text ? JSON.parse(text) : {}) as T;
    },

    async open(path, headers, signal) {
      const response = await ask(path, { headers: headersOf(headers), signal, cache: "no-store" });
      if (!response.ok) return refuse(response, path);
      return response;
    },
  };
  return api;
}

/** For Idempotency-Key.  crypto.randomUUID is missing on plain http outside the loopback. */
export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}
