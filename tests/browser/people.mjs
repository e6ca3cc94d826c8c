// What people do with Andon, in one story and by the keyboard alone; people.sh has started a coordinator, where what is
// decided needs two of them, and three sites.
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { accessible, closeBrowser, fail, failed, focused, look, open, picture, say, until } from "./browser.mjs";
import { choose, decide, go, openDialog, pick, press, reach, write } from "./keys.mjs";
import { inWords, screensOf, tour } from "./tour.mjs";

const { BIN, WORK, URL: url, SITE_URL, SHELF_URL, PASSWORD, RELEASE_KEY } = process.env;
const run = promisify(execFile);
/** The release key is not where the browser is: what it signs, its owner signs by the command line. */
const andon = async (...args) => (await run(`${BIN}/andon`, [...args, "--data", `${WORK}/coordinator`], { maxBuffer: 1 << 26 })).stdout;
const ask = async (...args) => JSON.parse(await andon(...args, "--json"));
const production = async () => (await ask("model", "show", "pump")).model.production;
const agents = [];

async function login(page, user, seen = () => {}) {
  await page.goto(url + "/");
  const field = page.locator("input[name=user]");
  await field.waitFor();
  await seen();
  await until("the first field has the focus", 5, () => field.evaluate((e) => e === document.activeElement));
  await page.keyboard.type(user);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.locator("main h1:not(form h1)").waitFor();
}

/** It is said beside the field, which is empty and has the focus again. */
async function mistyped(page, user) {
  await page.goto(url + "/");
  const secret = page.locator("input[name=password]");
  await write(page, page.locator("input[name=user]"), user);
  await write(page, secret, "not the password");
  await page.keyboard.press("Enter");
  await page.getByRole("alert").waitFor();
  await until("the password can be typed again", 5, () => secret.evaluate((e) => e === document.activeElement && e.value === ""));
}

async function logout(page) {
  await press(page, "button", "Log out");
  await page.getByLabel("User").waitFor();
}

async function enrol(page) {
  await go(page, "Enrolment");
  await look(page, "enrolment");
  await write(page, page.getByLabel("For one site alone"), "plant-d");
  await press(page, "button", "Make a token");
  const shown = page.locator("[data-test=token]");
  const token = (await shown.innerText()).match(/andon1-[a-z0-9]+/)?.[0] ?? fail("no token is shown");
  await until("what is shown once has the focus", 5, () => shown.evaluate((e) => e === document.activeElement));
  const agent = spawn(`${BIN}/andon-agent`, ["enrol", token, "--site", "plant-d", "--data", `${WORK}/plant-d`, "--timeout", "60s"]);
  let said = "";
  agent.stdout.on("data", (d) => (said += d));
  const ended = new Promise((done) => agent.on("exit", done));
  const request = page.locator("[data-site=plant-d]");
  await request.waitFor();
  const fingerprint = await until("the site's own screen shows its fingerprint", 20, () => said.match(/^fingerprint of this site: (.*)$/m)?.[1]);
  const approve = request.getByRole("button", { name: "Approve plant-d" });
  const wrong = fingerprint.slice(0, -1) + (fingerprint.at(-1) === "a" ? "b" : "a");
  await write(page, request.getByRole("textbox"), wrong);
  await request.getByText(/differs: do not approve/).waitFor();
  if (await approve.isEnabled()) fail("a site of another fingerprint can be approved");
  await write(page, request.getByRole("textbox"), fingerprint);
  await request.getByText("the same", { exact: true }).waitFor();
  await picture(page, "fingerprint");
  await press(page, "button", "Approve plant-d", { within: request });
  await request.waitFor({ state: "detached" });
  if ((await ended) !== 0) fail(`plant-d: ${said}`);
  await andon("site", "roster", "--key", RELEASE_KEY, "--yes");
  agents.push(spawn(`${BIN}/andon-agent`, ["--config", `${WORK}/plant-d.yaml`], { stdio: "ignore" }));
  await go(page, "Fleet");
  await page.getByRole("row", { name: /plant-d.*connected/ }).waitFor();
  say("plant-d was let in after its fingerprint was compared");
}

async function train(page) {
  const rows = (site) => run(`${BIN}/andon-agent`, ["status", "--data", `${WORK}/${site}`, "--json"]).then((r) => Number(r.stdout.match(/"row": ?(\d+)/)?.[1] ?? 0), () => 0);
  await until("all sites have read what they know", 90, async () => (await Promise.all(["plant-a", "plant-b", "plant-c", "plant-d"].map(rows))).every((n) => n >= 8000));
  await go(page, "Campaigns");
  await look(page, "campaigns-none");
  const held = agents.at(-1); // a site that keeps the round waiting while it is looked at
  held.kill("SIGSTOP");
  try {
    await openDialog(page, "button", "Start a campaign");
    await decide(page, "the first training", "Start");
    await page.getByRole("heading", { name: /Campaign 1/ }).waitFor();
    await go(page, "Rounds");
    await page.getByText(/collecting|summing|sharing|inviting/i).first().waitFor();
    await picture(page, "rounds-live");
  } finally {
    held.kill("SIGCONT");
  }
  await until("the candidate waits for the release key", 180, async () => (await ask("release", "list")).waiting.length > 0);
  await look(page, "rounds");
  await go(page, "Releases");
  await page.getByText("andon release sign").first().waitFor();
  await look(page, "releases");
  await andon("release", "sign", "--all", "--key", RELEASE_KEY);
  await andon("release", "delegate", "--model", "pump", "--count", "50", "--key", RELEASE_KEY);
  await until("a version is in production", 60, production);
  say("a model was trained, signed and is in production");
}

/** A person and a program get in; the person does, and is shown no more than what concerns one. */
async function users(page) {
  await go(page, "Users");
  await page.getByText("the-viewer").first().waitFor();
  await look(page, "users");
  const dialog = await openDialog(page, "button", "Add a user");
  await write(page, dialog.getByLabel("Name"), "the-viewer");
  await choose(page, dialog.getByLabel("Role"), "operator");
  await pick(page, dialog.getByRole("radio", { name: "Only these" }));
  await press(page, "checkbox", "plant-c", { within: dialog });
  await write(page, dialog.getByLabel("Password"), "short");
  await dialog.getByText(/at least 12/i).first().waitFor();
  await write(page, dialog.getByLabel("Password"), PASSWORD);
  await press(page, "button", "Add", { within: dialog });
  await dialog.getByRole("alert").getByText("the-viewer").waitFor(); // what is refused is said in the form, and one goes on there
  if ((await focused(page))?.text !== "Add") fail("a refusal takes the focus away");
  await write(page, dialog.getByLabel("Name"), "the-operator");
  await picture(page, "user-new");
  await press(page, "button", "Add", { within: dialog });
  await page.getByRole("row", { name: /the-operator/ }).waitFor();
  await dialog.waitFor({ state: "detached" });
  await openDialog(page, "button", /^Tokens.*the-viewer/);
  await press(page, "button", "Make a token");
  const making = page.getByRole("dialog", { name: "Make a token" });
  await write(page, making.getByLabel("For what"), "scrape");
  await choose(page, making.getByLabel("Valid for"), "7 days");
  await press(page, "button", "Make it", { within: making });
  const token = (await page.getByRole("dialog").locator(".secret").innerText()).trim();
  await press(page, "button", "I have kept it");
  await page.getByRole("row", { name: /scrape/ }).waitFor();
  const answer = await fetch(url + "/api/v1/status", { headers: { Authorization: `Bearer ${token}` } });
  if (answer.status !== 200) fail(`the token that was made gets ${answer.status}`);
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "detached" });
  const person = await open();
  await mistyped(person.page, "the-operator");
  await login(person.page, "the-operator");
  if (await person.page.getByRole("row", { name: /plant-a/ }).count()) fail("who has plant-c alone is shown plant-a");
  await go(person.page, "Your account");
  await person.page.getByText("plant-c").first().waitFor();
  await look(person.page, "account");
  await logout(person.page);
  await person.close();
  say("a person and a program were let in, and see what concerns them");
}

/** What one asks for another one does: neither is done by one alone. */
async function confirmed(page, second, what) {
  await go(page, "Fleet");
  await press(page, "link", /Look/, { within: page.getByRole("listitem").filter({ hasText: what }) });
  const mine = page.locator("[data-proposal]").filter({ hasText: what });
  await mine.getByText("waits for somebody else").waitFor();
  if (await mine.getByRole("button", { name: "Confirm" }).count()) fail("who has proposed may confirm, too");
  await go(second, "Fleet");
  await press(second, "link", /Confirm/, { within: second.getByRole("listitem").filter({ hasText: what }) });
  const theirs = second.locator("[data-proposal]").filter({ hasText: what });
  await theirs.waitFor();
  await look(second, "proposals");
  const dialog = await openDialog(second, "button", "Confirm", { within: theirs });
  await press(second, "button", "Confirm", { within: dialog });
  await second.getByRole("status").getByText(/^Confirmed: /).waitFor();
  await theirs.waitFor({ state: "detached" });
  await mine.waitFor({ state: "detached" });
}

async function drift(page, second) {
  await go(page, "Drift");
  await page.getByRole("button", { name: "Approve", exact: true }).first().waitFor({ timeout: 180_000 });
  await look(page, "drift");
  say("a tool change at plant-b is in the inbox");
  const before = await production();
  await openDialog(page, "button", "Approve");
  await decide(page, "the tool was changed on purpose", "Approve", "waits for a second person");
  await page.getByRole("link", { name: "Approve: asked for by the-administrator" }).first().waitFor();
  await confirmed(page, second, "the tool was changed on purpose");
  say("what one person approved a second one confirmed");
  await until("the campaign's version is rolled out", 120, async () => (await ask("rollout", "list")).rollouts.length > 1);
  const campaign = (await ask("campaign", "list")).campaigns[0].id;
  await page.goto(`${url}/campaigns/${campaign}`);
  await page.getByRole("heading", { name: new RegExp(`Campaign ${campaign}`) }).waitFor();
  await look(page, "campaign");
  return before;
}

async function rollout(page, second, before) {
  await go(page, "Rollouts");
  await look(page, "rollouts");
  const id = (await ask("rollout", "list")).rollouts[0].id;
  await press(page, "link", String(id), { within: page.getByRole("main") });
  await page.getByRole("heading", { name: new RegExp(`Rollout ${id}`) }).waitFor();
  await look(page, "rollout");
  await until("the model has gone to the sites", 60, async () => (await production()) !== before);
  await go(second, "Models");
  await press(second, "link", "pump", { within: second.getByRole("main") });
  await second.getByRole("heading", { name: "pump" }).waitFor();
  await openDialog(second, "button", "Roll back");
  await decide(second, "to see that it can be taken back", "Roll back", "waits for a second person");
  await confirmed(second, page, "to see that it can be taken back");
  await until("the former version is back", 60, async () => (await production()) === before);
  await go(second, "Models");
  await press(second, "link", "pump", { within: second.getByRole("main") });
  await second.getByText(before.slice(0, 8)).first().waitFor();
  await look(second, "model");
  say("the rollout was taken back");
}

async function screens(page) {
  await go(page, "Fleet");
  await look(page, "fleet");
  await go(page, "Models");
  await look(page, "models");
  await go(page, "Alarms");
  await look(page, "alarms");
}

async function journal(page) {
  await go(page, "Journal");
  await press(page, "checkbox", "only what people did");
  await page.getByText("the tool was changed on purpose").filter({ visible: true }).first().waitFor();
  await look(page, "journal");
  await press(page, "button", "Check it now");
  await page.getByText("nothing was changed or left out").waitFor();
  say("the journal says who did what and why, and its chain holds");
}

async function viewer() {
  const { page, close } = await open({ dark: true });
  await login(page, "the-viewer");
  if (await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Enrolment" }).count()) fail("a viewer is shown the screen of enrolment");
  if (await page.getByRole("link", { name: /^(Decide|Confirm)/ }).count()) fail("a viewer is offered a decision");
  await look(page, "fleet-dark");
  await page.goto(`${url}/models/pump`);
  await page.getByRole("heading", { name: "pump" }).waitFor();
  if (await page.getByRole("button", { name: "Roll back" }).count()) fail("a viewer is offered a rollback");
  await close();
}

/** The page of a site; its token is that of all sites here. */
async function site(page, at, seen = () => {}) {
  await page.goto(at + "/");
  const field = page.locator("input[type=password]");
  await field.waitFor();
  await seen();
  await until("the first field has the focus", 10, () => field.evaluate((e) => e === document.activeElement).catch(() => false));
  await page.keyboard.type(readFileSync(`${WORK}/page.token`, "utf8").trim());
  await page.keyboard.press("Enter");
  await page.locator("[data-line]").first().waitFor();
}

async function judge() {
  const { page, close } = await open({ width: 1280, height: 800 });
  await site(page, SITE_URL);
  await look(page, "line-board");
  await go(page, /^Alarms/);
  await look(page, "line-alarms");
  await press(page, "link", "pump-1 · 1");
  await press(page, "button", /^True/);
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("the shift's lead"); // asked once
  await page.keyboard.press("Enter");
  await page.getByText(/verdict is: true/i).first().waitFor();
  const figures = async () => JSON.parse((await run(`${BIN}/andon-agent`, ["verdicts", "--data", `${WORK}/plant-c`, "--json"])).stdout);
  await until("the verdict is kept", 20, async () => JSON.stringify(await figures()).match(/"true(_alarms)?": ?1|"confirmed": ?1/));
  await look(page, "line-alarm");
  await close();
  say("an alarm was judged at the line");
}

async function shelve() {
  const { page, close } = await open({ width: 1280, height: 800 });
  await site(page, SHELF_URL);
  await go(page, /^Alarms/);
  await press(page, "link", /^pump-1 · /, { within: page.getByRole("row").filter({ hasText: "service-due" }) });
  const dialog = await openDialog(page, "button", /^Shelve/);
  await choose(page, dialog.getByLabel("For how long"), "8 hours");
  await write(page, dialog.getByLabel("Reason"), "the parts come tomorrow");
  await press(page, "button", "Shelve", { within: dialog });
  const who = page.getByRole("dialog", { name: "Your name" });
  await who.waitFor(); // asked once
  await page.keyboard.type("mia");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Bring back" }).waitFor();
  await page.getByText("the parts come tomorrow").waitFor();
  await look(page, "line-shelved");
  await press(page, "button", "Bring back");
  await page.getByRole("button", { name: /^Shelve/ }).waitFor();
  await close();
  say("an alarm was shelved and brought back");
}

/** Every screen in another language. */
async function abroad(language, dark) {
  const of = async (what) => (await ask(what, "list"))[what + "s"][0].id;
  const { page, close } = await open({ locale: language, dark, still: dark });
  const alarm = await until("the leak at plant-c has raised an alarm", 60, async () => (await ask("alarm", "list")).alarms.find((a) => a.site === "plant-c"));
  const looked = ["/", "/models", "/enrol", "/proposals", "/drifts", "/campaigns", "/rollouts", "/rounds", "/alarms", "/journal", "/users", "/releases"];
  const places = {
    ...Object.fromEntries([...looked, "/account"].map((path) => [path, path])),
    "/sites/:name": "/sites/plant-b",
    "/models/:name": "/models/pump",
    ...Object.fromEntries(["compare", "aliases", "policy", "privacy"].map((tab) => [tab, "/models/pump?tab=" + tab])),
    "/versions/:hash": "/versions/" + (await production()),
    "/campaigns/:id": "/campaigns/" + (await of("campaign")),
    "/rollouts/:id": "/rollouts/" + (await of("rollout")),
    "/rounds/:id": "/rounds/" + (await of("round")),
    "/alarms/:seq": "/alarms/" + alarm.seq,
    none: "/nowhere",
  };
  const atSite = { "/": "/", "/alarms": "/alarms?all", "/figures": "/figures", "/data": "/data", "/ledger": "/ledger", "/site": "/site", "/lines/:line": "/lines/pump-1", "/alarms/:line/:alarm": "/alarms/pump-1/1", kiosk: "/?kiosk", none: "/nowhere" };
  const door = (areas) => async () => (await inWords(page, language, areas), await accessible(page, `a log-in in ${language}`));
  await login(page, "the-administrator", door(["base", "console"]));
  await tour(page, { name: "the console", base: url, language, areas: ["base", "console", "work"], screens: screensOf("src/screens.ts"), places, dark, looked });
  await site(page, SITE_URL, door(["base", "site"]));
  await tour(page, { name: "the site's page", base: SITE_URL, language, areas: ["base", "site"], screens: screensOf("src/site/shell.tsx"), places: atSite, dark, looked: ["/", "/alarms?all", "/alarms/pump-1/1"] });
  await page.goto(url + "/account"); // the ports of a computer share their cookies, and do not log each other out
  await page.locator("main h1:not(form h1)").waitFor();
  await close();
}

/** What waits for a second person may also be dropped. */
async function drop(page, reason) {
  await go(page, "Fleet");
  await press(page, "link", /Confirm/, { within: page.getByRole("listitem").filter({ hasText: reason }) });
  await openDialog(page, "button", "Drop");
  await decide(page, "it was seen", "Drop", "Dropped: ");
  await page.getByText("Nothing waits for a second person").waitFor();
}

/** As many tabs as people leave open: a browser has six connections for all of them, so those that nobody sees hold none. */
async function tabs() {
  const { context, page, close } = await open();
  // There is one window here and no hand that covers it: what the browser says of that is said by the test.
  await context.addInitScript(() => {
    let covered = false;
    Object.defineProperty(document, "visibilityState", { get: () => (covered ? "hidden" : "visible") });
    window.cover = (now) => ((covered = now), document.dispatchEvent(new Event("visibilitychange")));
  });
  let held = 0;
  const isStream = (r) => r.url().includes("/api/v1/events");
  context.on("request", (r) => (held += isStream(r)));
  for (const over of ["requestfinished", "requestfailed"]) context.on(over, (r) => (held -= isStream(r)));
  await login(page, "the-viewer");
  const all = [page];
  const live = (p) => p.getByRole("status").getByText("live", { exact: true }).waitFor();
  while (all.length < 8) {
    await live(all.at(-1));
    await all.at(-1).evaluate(() => window.cover(true));
    all.push(await context.newPage());
    await all.at(-1).goto(url + "/models");
  }
  await live(all.at(-1));
  await until("one of eight tabs holds a stream", 5, () => held === 1);
  await all.at(-1).evaluate(() => window.cover(true));
  await until("no tab holds a stream that nobody sees", 5, () => held === 0);
  await page.evaluate(() => window.cover(false));
  await live(page);
  await until("the tab that is seen again holds a stream", 5, () => held === 1);
  await close();
  say("eight tabs share the six connections of a browser");
}

try {
  const { page, close } = await open();
  await login(page, "the-administrator");
  await enrol(page);
  await train(page);
  await Promise.all([users(page).then(tabs), abroad("zh", false)]); // while plant-b's tool wears in
  const second = await open();
  await login(second.page, "the-releaser");
  const before = await drift(page, second.page);
  await rollout(page, second.page, before);
  await second.close();
  await screens(page);
  await journal(page);
  await andon("model", "policy", "pump", "train.rounds=7", "--reason", "to see it wait");
  await Promise.all([abroad("de", true), judge().then(shelve), viewer()]);
  await drop(page, "to see it wait");
  await close();
  say("ok");
} catch (e) {
  console.error(e);
  await failed();
  process.exitCode = 1;
} finally {
  for (const a of agents) a.kill();
  await closeBrowser();
  setTimeout(() => process.exit(), 1000).unref();
}
