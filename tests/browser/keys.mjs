// Hands on the keyboard.  A control is Tab'd to, the focus has to be seen on it, and a key works it; nothing here or in the
// story has a mouse (tests/check_house.sh).
import { accessible, fail, focused, until } from "./browser.mjs";

/** More than the longest screen of the demo's fleet needs from any place of it. */
const PRESSES = 120;

/** Tab, or Shift and Tab where it lies before, until it has the focus. */
export async function reach(page, wanted, name = wanted.toString()) {
  let handle;
  for (let i = 0; i <= PRESSES; i++) {
    if (!handle || !(await handle.evaluate((e) => e.isConnected))) handle = await wanted.first().elementHandle();
    const way = await handle.evaluate((e) => {
      const at = document.activeElement ?? document.body;
      if (e === at) return "there";
      return at.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_PRECEDING && at !== document.body ? "Shift+Tab" : "Tab";
    });
    if (way === "there") {
      const at = await focused(page);
      if (at?.seen) return handle;
      fail(`the focus cannot be seen at ${name}`);
    }
    await page.keyboard.press(way);
  }
  fail(`${PRESSES} presses of Tab do not reach ${name}; they end at ${(await focused(page))?.text}`);
}

/** A button, a link, a switch: by the key that works it. */
export async function press(page, role, name, { within = page, exact = true, key } = {}) {
  const wanted = within.getByRole(role, { name, ...(typeof name === "string" ? { exact } : {}) });
  const handle = await reach(page, wanted, `${role} ${name}`);
  if (await handle.evaluate((e) => e.disabled === true)) fail(`${role} ${name} is disabled`);
  await page.keyboard.press(key ?? (role === "link" || role === "button" ? "Enter" : "Space"));
}

/** What is in the field goes, the text comes. */
export async function write(page, field, text) {
  await reach(page, field);
  await page.keyboard.press("Control+A");
  await page.keyboard.type(text);
}

export async function choose(page, list, option) {
  const handle = await reach(page, list);
  const at = () => handle.evaluate((e) => e.selectedOptions[0]?.label);
  const n = await handle.evaluate((e) => e.options.length);
  await page.keyboard.press("Home");
  for (let i = 0; i < n && (await at()) !== option; i++) await page.keyboard.press("ArrowDown");
  if ((await at()) !== option) fail(`${list} has no ${option}`);
}

/** One of several that exclude each other: Tab goes to the one that holds, the arrow keys to the others. */
export async function pick(page, radio) {
  const wanted = await radio.elementHandle();
  const group = await wanted.getAttribute("name");
  await reach(page, page.getByRole("dialog").locator(`input[name=${group}]:checked`));
  for (let i = 0; i < 10 && !(await wanted.evaluate((e) => e.checked)); i++) await page.keyboard.press("ArrowDown");
  if (!(await wanted.evaluate((e) => e.checked))) fail(`the arrow keys do not come to ${radio}`);
}

const tried = new Set();

/** Opens a dialog.  The first time of each kind: Tab does not leave it, Escape closes it, and the focus is where it was. */
export async function openDialog(page, role, name, { within = page } = {}) {
  const dialog = page.getByRole("dialog");
  await press(page, role, name, { within });
  await dialog.waitFor();
  const kind = `${page.url().replace(/[0-9a-f]{8,}|\d+/g, "#")} ${name}`;
  if (tried.has(kind)) return dialog;
  tried.add(kind);
  const inside = () => page.evaluate(() => !!document.activeElement?.closest("dialog"));
  if (!(await inside())) fail(`${name}: the dialog opens without the focus`);
  await accessible(page, `the dialog of ${name}`);
  const n = await dialog.evaluate((d) => d.querySelectorAll("a[href], button, input, select, textarea").length);
  for (let i = 0; i < n + 2; i++) {
    await page.keyboard.press("Tab");
    // Out of the page to the browser's own controls is no leak: that is how one comes to the address.
    if (!(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest("dialog")))) fail(`${name}: Tab leaves the dialog, to ${(await focused(page)).text}`);
  }
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "detached" });
  const opener = within.getByRole(role, { name, ...(typeof name === "string" ? { exact: true } : {}) }).first();
  // Gone for the tests' eyes is a few milliseconds before the page has given the focus back.
  await until(`${name}: Escape gives the focus back`, 2, () => opener.evaluate((e) => e === document.activeElement));
  await page.keyboard.press("Enter");
  await dialog.waitFor();
  return dialog;
}

/** Why, and the button that does it. */
export async function decide(page, reason, button, toast) {
  const dialog = page.getByRole("dialog");
  await write(page, dialog.getByLabel("Reason"), reason);
  await press(page, "button", button, { within: dialog });
  await dialog.waitFor({ state: "detached" });
  if (toast) await page.getByRole("status").getByText(toast).first().waitFor();
}

/** A link of the list at the side. */
export const go = (page, name) => press(page, "link", name, { within: page.getByRole("navigation", { name: "Screens" }).first() });
