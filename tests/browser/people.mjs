// What people do with Andon, in one story; people.sh has started a coordinator and three sites.
import { execFile, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { fail, failed, look, open, picture, say, until } from "./browser.mjs";

const { BIN, WORK, URL: url, SITE_URL, PASSWORD, RELEASE_KEY } = process.env;
const run = promisify(execFile);
/** The release key is not where the browser is: what it signs, its owner signs by the command line. */
const andon = async (...args) => (await run(`${BIN}/andon`, [...args, "--data", `${WORK}/coordinator`], { maxBuffer: 1 << 26 })).stdout;
const ask = async (...args) => JSON.parse(await andon(...args, "--json"));
const production = async () => (await ask("model", "show", "pump")).model.production;
const agents = [];

async function login(page, role) {
  await page.goto(url + "/");
  // By the keyboard alone: the first field has the focus.
  await page.getByLabel("User").waitFor();
  await page.keyboard.type(`the-${role}`);
  await page.keyboard.press("Tab");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Fleet" }).waitFor();
}

/** A link of the list at the side. */
const go = (page, name) => page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name, exact: true }).click();

async function reasoned(page, reason, button) {
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Reason").fill(reason);
  await dialog.getByRole("button", { name: button, exact: true }).click();
  await dialog.waitFor({ state: "detached" });
}

async function enrol(page) {
  await go(page, "Enrolment");
  await look(page, "enrolment");
  await page.getByLabel("For one site alone").fill("plant-d");
  await page.getByRole("button", { name: "Make a token" }).click();
  const token = (await page.locator("[data-test=token]").innerText()).match(/andon1-[a-z0-9]+/)?.[0] ?? fail("no token is shown");
  const agent = spawn(`${BIN}/andon-agent`, ["enrol", token, "--site", "plant-d", "--data", `${WORK}/plant-d`, "--timeout", "60s"]);
  let said = "";
  agent.stdout.on("data", (d) => (said += d));
  const ended = new Promise((done) => agent.on("exit", done));
  const request = page.locator("[data-site=plant-d]");
  await request.waitFor();
  const fingerprint = await until("the site's own screen shows its fingerprint", 20, () => said.match(/^fingerprint of this site: (.*)$/m)?.[1]);
  const approve = request.getByRole("button", { name: "Approve plant-d" });
  const wrong = fingerprint.slice(0, -1) + (fingerprint.at(-1) === "a" ? "b" : "a");
  await request.getByRole("textbox").fill(wrong);
  await request.getByText(/differs: do not approve/).waitFor();
  if (await approve.isEnabled()) fail("a site of another fingerprint can be approved");
  await request.getByRole("textbox").fill(fingerprint);
  await picture(page, "fingerprint");
  await approve.click();
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
  await page.getByRole("button", { name: "Start a campaign" }).first().click();
  await reasoned(page, "the first training", "Start");
  await page.getByRole("heading", { name: /Campaign 1/ }).waitFor();
  await go(page, "Rounds");
  await page.getByText(/collecting|summing|sharing|inviting/i).first().waitFor();
  await picture(page, "rounds-live");
  const waits = async () => (await ask("release", "list")).waiting.length > 0;
  await until("the candidate waits for the release key", 180, waits);
  await look(page, "rounds");
  await go(page, "Releases");
  await page.getByText("andon release sign").first().waitFor();
  await look(page, "releases");
  await andon("release", "sign", "--all", "--key", RELEASE_KEY);
  await andon("release", "delegate", "--model", "pump", "--count", "50", "--key", RELEASE_KEY);
  await until("a version is in production", 60, async () => (await production()));
  say("a model was trained, signed and is in production");
  const round = (await ask("round", "list")).rounds.find((r) => r.kind === "train" || r.kind === "TRAIN") ?? fail("no training round");
  await page.goto(`${url}/rounds/${round.id}`);
  await page.getByRole("heading", { name: new RegExp(`Round ${round.id}`) }).waitFor();
  await look(page, "round");
}

async function drift(page) {
  await go(page, "Drift");
  const approve = page.getByRole("button", { name: "Approve", exact: true }).first();
  await approve.waitFor({ timeout: 180_000 });
  await look(page, "drift");
  say("a tool change at plant-b is in the inbox");
  const before = (await production());
  await approve.click();
  await reasoned(page, "the tool was changed on purpose", "Approve");
  await until("the campaign's version is in production or rolled out", 120, async () => (await ask("rollout", "list")).rollouts.length > 1 || (await production()) !== before);
  const campaign = (await ask("campaign", "list")).campaigns[0].id;
  await page.goto(`${url}/campaigns/${campaign}`);
  await page.getByRole("heading", { name: new RegExp(`Campaign ${campaign}`) }).waitFor();
  await look(page, "campaign");
  return before;
}

async function rollout(page, before) {
  await go(page, "Rollouts");
  await look(page, "rollouts");
  const id = (await ask("rollout", "list")).rollouts[0].id;
  await page.goto(`${url}/rollouts/${id}`);
  await page.getByRole("heading", { name: new RegExp(`Rollout ${id}`) }).waitFor();
  await look(page, "rollout");
  const over = page.getByRole("button", { name: "Abort and take back" });
  await until("the model has gone to the sites, or may be taken back", 60, async () => (await over.isVisible()) || (await production()) !== before);
  if (await over.isVisible()) {
    await over.click();
    await reasoned(page, "to see that it can be taken back", "Abort and take back");
  } else {
    await page.goto(`${url}/models/pump`);
    await page.getByRole("button", { name: "Roll back" }).click();
    await reasoned(page, "to see that it can be taken back", "Roll back");
  }
  await until("the former version is back", 60, async () => (await production()) === before);
  await page.goto(`${url}/models/pump`);
  await page.getByText(before.slice(0, 8)).first().waitFor();
  await look(page, "model");
  say("the rollout was taken back");
}

async function screens(page) {
  await go(page, "Fleet");
  await look(page, "fleet");
  await page.goto(`${url}/sites/plant-b`);
  await page.getByRole("heading", { name: "plant-b" }).waitFor();
  await look(page, "site");
  await go(page, "Models");
  await look(page, "models");
  await go(page, "Alarms");
  await look(page, "alarms");
  await go(page, "Users");
  await page.getByText("the-viewer").first().waitFor();
  await look(page, "users");
}

async function journal(page) {
  await go(page, "Journal");
  await page.getByLabel("only what people did").check();
  await page.getByText("the tool was changed on purpose").filter({ visible: true }).first().waitFor();
  await look(page, "journal");
  await page.getByRole("button", { name: "Check it now" }).click();
  await page.getByText("nothing was changed or left out").waitFor();
  say("the journal says who did what and why, and its chain holds");
}

async function viewer() {
  const { browser, page, wrong } = await open({ dark: true });
  await login(page, "viewer");
  if (await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: "Enrolment" }).count()) fail("a viewer is shown the screen of enrolment");
  await look(page, "fleet-dark");
  await page.goto(`${url}/models/pump`);
  await page.getByRole("heading", { name: "pump" }).waitFor();
  if (await page.getByRole("button", { name: "Roll back" }).count()) fail("a viewer is offered a rollback");
  await browser.close();
  if (wrong.length) fail(wrong.join("\n"));
}

async function line() {
  const { browser, page, wrong } = await open({ width: 1280, height: 800 });
  await page.goto(SITE_URL + "/");
  await page.locator("input[type=password]").fill(readFileSync(`${WORK}/page.token`, "utf8").trim());
  await page.keyboard.press("Enter");
  await page.getByText("pump-1").first().waitFor();
  await look(page, "line-board");
  await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name: /^Alarms/ }).click();
  await look(page, "line-alarms");
  await page.getByRole("link", { name: /^pump-1 · / }).first().click();
  await page.getByRole("button", { name: /^True/ }).click();
  await page.getByRole("dialog").getByRole("textbox").fill("the shift's lead"); // asked once
  await page.keyboard.press("Enter");
  await page.getByText(/verdict is: true/i).first().waitFor();
  const figures = async () => JSON.parse((await run(`${BIN}/andon-agent`, ["verdicts", "--data", `${WORK}/plant-c`, "--json"])).stdout);
  await until("the verdict is kept", 20, async () => JSON.stringify(await figures()).match(/"true(_alarms)?": ?1|"confirmed": ?1/));
  await look(page, "line-alarm");
  await browser.close();
  if (wrong.length) fail(wrong.join("\n"));
  say("an alarm was judged at the line");
}

try {
  const { browser, page, wrong } = await open();
  await login(page, "administrator");
  await enrol(page);
  await train(page);
  const before = await drift(page);
  await rollout(page, before);
  await screens(page);
  await journal(page);
  await browser.close();
  if (wrong.length) fail(wrong.join("\n"));
  await viewer();
  await line();
  say("ok");
} catch (e) {
  console.error(e);
  await failed();
  process.exitCode = 1;
} finally {
  for (const a of agents) a.kill();
  setTimeout(() => process.exit(), 1000).unref();
}
