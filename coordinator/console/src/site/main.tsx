// The agent's own page: it shares base/ and ui/ with the console and knows nothing of shell/ and screens/.
import { render } from "preact";
import { startClock } from "../base/clock.ts";
import { startLanguage, t } from "../base/i18n.ts";
import { startRouter } from "../base/router.ts";
import { startTheme } from "../base/theme.ts";
import { Head } from "../ui/bits.tsx";
import "../ui/style.css";

startTheme();
startRouter();
startClock();
await startLanguage("base", "site");
render(<Head title={t("site.title")} />, document.getElementById("app")!);
