// The agent's own page: it shares base/ and ui/ with the console, and works when the coordinator is away.
import { render } from "preact";
import { startClock } from "../base/clock.ts";
import { startLanguage } from "../base/i18n.ts";
import { startRouter } from "../base/router.ts";
import { startTheme } from "../base/theme.ts";
import { resume, session } from "./agent.ts";
import { startBoard } from "./board.ts";
import { Login, NoAnswer } from "./login.tsx";
import { Shell } from "./shell.tsx";
import "../ui/style.css";
import "../shell/shell.css";
import "./site.css";

function App() {
  if (session.value === undefined) return <NoAnswer />;
  return session.value ? <Shell /> : <Login />;
}

startTheme();
startRouter();
startClock();
startBoard();
await startLanguage("base", "site");
void resume();
render(<App />, document.getElementById("app")!);
