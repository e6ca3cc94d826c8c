// Shows the screen of the place one is at; its code and its words come when they are first needed.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { needArea, t } from "../base/i18n.ts";
import { match, place, type Params } from "../base/router.ts";
import { screens, type Screen } from "../screens.ts";
import { Empty, Failed, Head, Loading } from "../ui/bits.tsx";
import { can } from "./session.ts";

const loaded = new Map<Screen, ComponentType<{ params: Params }>>();

function find(path: string): { screen: Screen; params: Params } | undefined {
  for (const screen of screens) {
    const params = match(screen.path, path);
    if (params) return { screen, params };
  }
  return undefined;
}

export function Outlet() {
  const found = find(place.value.path);
  const screen = found?.screen;
  const [, setTurn] = useState(0);
  const [error, setError] = useState<unknown>();

  useEffect(() => {
    setError(undefined);
    if (!screen || loaded.has(screen)) return;
    let left = false;
    Promise.all([screen.load(), screen.area ? needArea(screen.area) : undefined]).then(
      ([module]) => {
        loaded.set(screen, module.default);
        if (!left) setTurn((n) => n + 1);
      },
      (e: unknown) => !left && setError(e),
    );
    return () => void (left = true);
  }, [screen]);

  if (!screen)
    return (
      <div class="page">
        <Head title={t("console.no_page")} />
        <div class="panel">
          <Empty title={t("console.no_page_help")}>
            <a href="/">{t("console.fleet")}</a>
          </Empty>
        </div>
      </div>
    );
  if (screen.role && !can(screen.role))
    return (
      <div class="page">
        <Head title={t("console.not_allowed_title")} />
        <div class="panel">
          <Empty title={t("console.not_allowed")}>
            <a href="/">{t("console.fleet")}</a>
          </Empty>
        </div>
      </div>
    );
  const View = loaded.get(screen);
  if (error) return <Failed error={new Error(t("console.new_version"))} retry={() => location.reload()} />;
  if (!View) return <Loading />;
  return <View key={place.value.path} params={found.params} />;
}
