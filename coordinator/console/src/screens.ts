// The screens.  A screen is a file of screens/ and a row here; docs/recipes tells how.
import type { ComponentType } from "preact";
import type { Area, Key } from "./base/i18n.ts";
import type { Params } from "./base/router.ts";
import type { Role } from "./shell/session.ts";
import type { IconName } from "./ui/icon.tsx";

export interface Screen {
  path: string;
  /** Other beginnings of paths that the list shows as this screen. */
  also?: string[];
  nav?: { label: Key; icon: IconName };
  /** Least role that sees it; none: everybody. */
  role?: Role;
  /** Message files beyond `base` and `console`. */
  area?: Area;
  load: () => Promise<{ default: ComponentType<{ params: Params }> }>;
}

export const screens: Screen[] = [
  { path: "/", also: ["/sites"], nav: { label: "console.fleet", icon: "fleet" }, load: () => import("./screens/fleet.tsx") },
  { path: "/models", also: ["/versions"], nav: { label: "console.models", icon: "model" }, load: () => import("./screens/models.tsx") },
  { path: "/enrol", nav: { label: "console.enrol", icon: "key" }, role: "administrator", load: () => import("./screens/enrol.tsx") },
  { path: "/proposals", load: () => import("./screens/proposals.tsx") },
  { path: "/sites/:name", load: () => import("./screens/site.tsx") },
  { path: "/models/:name", load: () => import("./screens/model.tsx") },
  { path: "/versions/:hash", load: () => import("./screens/version.tsx") },
  { path: "/drifts", nav: { label: "console.nav_drifts", icon: "drift" }, area: "work", load: () => import("./screens/drifts.tsx") },
  { path: "/campaigns", nav: { label: "console.nav_campaigns", icon: "campaign" }, area: "work", load: () => import("./screens/campaigns.tsx") },
  { path: "/campaigns/:id", area: "work", load: () => import("./screens/campaign.tsx") },
  { path: "/rollouts", nav: { label: "console.nav_rollouts", icon: "rollout" }, area: "work", load: () => import("./screens/rollouts.tsx") },
  { path: "/rollouts/:id", area: "work", load: () => import("./screens/rollout.tsx") },
  { path: "/rounds", nav: { label: "console.nav_rounds", icon: "round" }, area: "work", load: () => import("./screens/rounds.tsx") },
  { path: "/rounds/:id", area: "work", load: () => import("./screens/round.tsx") },
  { path: "/alarms", nav: { label: "console.nav_alarms", icon: "alarm" }, area: "work", load: () => import("./screens/alarms.tsx") },
  { path: "/alarms/:seq", area: "work", load: () => import("./screens/alarm.tsx") },
  { path: "/journal", nav: { label: "console.nav_journal", icon: "journal" }, area: "work", load: () => import("./screens/journal.tsx") },
  { path: "/users", nav: { label: "console.nav_users", icon: "users" }, role: "administrator", area: "work", load: () => import("./screens/users.tsx") },
  { path: "/account", nav: { label: "console.nav_account", icon: "edit" }, area: "work", load: () => import("./screens/account.tsx") },
  { path: "/releases", nav: { label: "console.nav_releases", icon: "release" }, area: "work", load: () => import("./screens/releases.tsx") },
];

/** The order of the list at the side: what happens first, then what there is, then who may. */
const ORDER = ["/", "/alarms", "/drifts", "/campaigns", "/rounds", "/rollouts", "/models", "/releases", "/journal", "/enrol", "/users"];
const place = (s: Screen): number => (ORDER.indexOf(s.path) + ORDER.length + 1) % (ORDER.length + 1);
export const listed: Screen[] = screens.filter((s) => s.nav).sort((a, b) => place(a) - place(b));
