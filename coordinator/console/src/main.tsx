import { render } from "preact";
import { startClock } from "./base/clock.ts";
import { startLanguage } from "./base/i18n.ts";
import { startRouter } from "./base/router.ts";
import { startTheme } from "./base/theme.ts";
import { Login } from "./shell/login.tsx";
import { resume, session, startSight } from "./shell/session.ts";
import { Shell } from "./shell/shell.tsx";
import "./ui/style.css";

function App() {
  if (session.value === undefined) return null;
  return session.value ? <Shell /> : <Login />;
}

startTheme();
startRouter();
startClock();
startSight();
await Promise.all([startLanguage("base", "console"), resume()]);
render(<App />, document.getElementById("app")!);
