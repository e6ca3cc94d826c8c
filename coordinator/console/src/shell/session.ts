// Who one is at the coordinator.  With a user and a password it is a session in a cookie that scripts cannot read; a token
// that is pasted is kept in memory alone and forgotten when the page is left.
import { computed, signal } from "@preact/signals";
import { createApi, Problem } from "../base/api.ts";
import { now } from "../base/clock.ts";
import { createLive, staleSince } from "../base/live.ts";
import { pagesHook } from "../base/pages.ts";
import { resourceHook } from "../base/resource.ts";

export const roles = ["viewer", "operator", "engineer", "releaser", "administrator"] as const;
export type Role = (typeof roles)[number];

export interface Session {
  user: string;
  role: Role;
  /** empty: all */
  sites: string[];
  csrf: string;
  expires_ms: number;
}

export const api = createApi("/api/v1");
export const live = createLive(api);
export const useResource = resourceHook(api, live);
export const usePages = pagesHook(api, useResource);

/** undefined: not known yet; null: nobody is logged in. */
export const session = signal<Session | null | undefined>(undefined);

/** May the user do what needs this role?  The server asks again; this only hides what it would refuse. */
export const can = (role: Role): boolean => !!session.value && roles.indexOf(session.value.role) >= roles.indexOf(role);
export const mayOf = (role: Role, site: string): boolean =>
  can(role) && (session.value!.sites.length === 0 || session.value!.sites.includes(site));

export const who = computed(() => session.value?.user ?? "");

/** Since when nothing is heard of the coordinator; reading it shows again each second. */
export function cutSince(): number | undefined {
  return staleSince(live.state.value, now.value && Date.now());
}

/** The one whose session ended by itself: that is said at the log-in. */
export const ended = signal<string | undefined>(undefined);

function begin(s: Session): void {
  ended.value = undefined;
  api.credentials.csrf = s.csrf;
  session.value = s;
  live.start();
}

function end(): void {
  live.stop();
  api.credentials = {};
  session.value = null;
}

/** A tab in the background holds no stream. */
export function startSight(): void {
  const look = (): void => live.seen(document.visibilityState === "visible");
  look();
  document.addEventListener("visibilitychange", look);
}

api.onUnauthorised = () => {
  ended.value = session.value?.user;
  end();
};

export async function resume(): Promise<void> {
  try {
    begin(await api.get<Session>("/session"));
  } catch {
    session.value = null; // offline or not logged in: the login says which when it is tried
  }
}

export async function login(user: string, password: string): Promise<void> {
  api.credentials = {};
  begin(await api.post<Session>("/session", { user, password }));
}

/** A token has no session; what it may do the server says where it knows, and else each refusal does. */
export async function loginToken(token: string): Promise<void> {
  api.credentials = { bearer: token };
  try {
    let s: Session;
    try {
      s = await api.get<Session>("/session");
    } catch (e) {
      if (!(e instanceof Problem) || (e.status !== 404 && e.status !== 401)) throw e;
      await api.get("/status");
      s = { user: "admin", role: "administrator", sites: [], csrf: "", expires_ms: 0 };
    }
    begin(s);
  } catch (e) {
    api.credentials = {};
    throw e;
  }
}

export async function logout(): Promise<void> {
  try {
    if (!api.credentials.bearer) await api.post("/session/end");
  } finally {
    end();
  }
}
