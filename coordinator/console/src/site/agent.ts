// The agent at the other end: who one is there, and what one does.
import { signal } from "@preact/signals";
import { createApi, Problem } from "../base/api.ts";
import { resourceHook } from "../base/resource.ts";

export interface Session {
  /** as the system knows him, over a socket; "" over a port */
  user: string;
  csrf: string;
  by_token: boolean;
}

export const api = createApi("/v1");
export const useResource = resourceHook(api);

/** undefined: not known yet; null: nobody is logged in. */
export const session = signal<Session | null | undefined>(undefined);

// ---- the name that is recorded with what one does ----

const STORED = "andon.site.name";
const NAME_BYTES = 63;

function storedName(): string {
  try {
    return localStorage.getItem(STORED) ?? "";
  } catch {
    return "";
  }
}

export const name = signal(storedName());
/** Set while the page asks for it; called with the name, or with nothing if one does not say it. */
export const asking = signal<((said: string) => void) | undefined>(undefined);

export const nameFits = (text: string): boolean => text.trim() !== "" && new TextEncoder().encode(text.trim()).length <= NAME_BYTES;

export function setName(text: string): void {
  name.value = text.trim();
  try {
    localStorage.setItem(STORED, name.value);
  } catch {
    // It holds until the page is closed.
  }
}

function who(): Promise<string> {
  const known = name.value || session.value?.user;
  if (known) return Promise.resolve(known);
  return new Promise((done) => {
    asking.value = (said) => {
      asking.value = undefined;
      done(said);
    };
  });
}

/** Leaves a command for the agent, with who does it.  False: one has not said who one is. */
export async function deed(path: string, body: Record<string, string> = {}): Promise<boolean> {
  const by = await who();
  if (!by) return false;
  await api.post(path, { ...body, by });
  return true;
}

export const alarmPath = (line: string, alarm: number): string => `/alarms/${encodeURIComponent(line)}/${alarm}`;

// ---- the log-in ----

function begin(s: Session): void {
  api.credentials.csrf = s.csrf;
  session.value = s;
}

api.onUnauthorised = () => {
  api.credentials = {};
  session.value = null;
};

export async function resume(): Promise<void> {
  try {
    begin(await api.get<Session>("/session"));
  } catch (e) {
    // Without an answer the page says so itself, and goes on asking.
    if (e instanceof Problem && e.status === 401) session.value = null;
    else setTimeout(() => void resume(), 2000);
  }
}

export async function login(token: string): Promise<void> {
  begin(await api.post<Session>("/session", { token }));
}

export async function logout(): Promise<void> {
  try {
    await api.post("/session/end");
  } finally {
    api.onUnauthorised?.();
  }
}
