// What a version is, in one word.
import type { Campaign, Move, Version } from "../base/shapes.ts";

export type VersionRole = "production" | "canary" | "candidate" | "quarantined" | "stopped" | "former" | "judged" | "made";

export function roleOf(v: Version): VersionRole {
  for (const alias of ["production", "canary", "candidate"] as const) if (v.aliases.includes(alias)) return alias;
  if (v.quarantined !== undefined) return "quarantined";
  if (v.former) return "former";
  if (v.stopped !== undefined) return "stopped";
  return v.evaluated ? "judged" : "made";
}

/** Adds what campaigns and aliases tell of versions. */
export function withFate(versions: Version[], campaigns: Campaign[], moves: Move[]): Version[] {
  const stopped = new Map(campaigns.filter((k) => k.state === "STOPPED" && k.head).map((k) => [k.head!, k.reason]));
  const former = new Set(moves.filter((m) => m.alias === "production" && m.to).map((m) => m.to!));
  return versions.map((v) => ({ ...v, ...(v.evaluated && stopped.has(v.hash) ? { stopped: stopped.get(v.hash)! } : {}), former: former.has(v.hash) }));
}
