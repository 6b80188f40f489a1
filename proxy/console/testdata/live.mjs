// Uses the console in Chromium as an approver does: live.mjs CONSOLE_URL CONTROL_URL
// CONTROL_URL changes the gateway from outside: /new?ticket=…, /deny?ticket=….
import { createRequire } from "node:module";
import assert from "node:assert/strict";
const require = createRequire(process.env.SLUICE_BROWSER + "/");
const { chromium } = require("playwright-core");

const [url, control] = process.argv.slice(2);
const outside = async (path) => assert.equal((await fetch(control + path)).status, 200);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const wrong = [];
const person = async (subject, options = {}, prepare = async () => {}) => {
  const context = await browser.newContext(options);
  await prepare(context);
  const page = await context.newPage();
  page.on("pageerror", (e) => wrong.push(`${page.url()}: ${e}`));
  page.on("console", (m) => { if (page.url().startsWith(url) && m.type() === "error" && !/ERR_FAILED|object Event|401 \(Unauthorized\)/.test(m.text())) wrong.push(`${page.url()}: ${m.text()}`); });
  await page.goto(url + "/holds");
  await page.click(`button[value="${subject}"]`);
  await page.waitForURL(url + "/holds");
  return page;
};
const step = (text) => console.log("· " + text);

// A new hold appears by itself, in the page that is open, and is said to a screen reader.
const dba = await person("dba-2");
await dba.evaluate(() => { window.same = true; });
await dba.waitForFunction(() => window.htmx);
await outside("/new?ticket=LIVE-01");
await dba.waitForSelector("#h-LIVE-01");
assert.equal(await dba.evaluate(() => window.same), true, "the page was loaded again");
await dba.waitForFunction(() => document.getElementById("heard").textContent.includes("4 commands wait"));
assert.match(await dba.title(), /^\(4\) Waiting · Sluice/);
step("a hold appears by itself");

// Where the keyboard is stays where it is.
await dba.focus("#a-HX4K-2Q");
await outside("/new?ticket=LIVE-02");
await dba.waitForSelector("#h-LIVE-02");
assert.equal(await dba.evaluate(() => document.activeElement.id), "a-HX4K-2Q");
step("the focus stays");

// By keyboard alone: open, write a reason, approve.
await dba.keyboard.press("Enter");
await dba.waitForURL(url + "/t/HX4K-2Q");
await dba.focus("#reason");
await dba.keyboard.type("CRM-4711");
await dba.keyboard.press("Tab");
await dba.keyboard.press("Enter");
await dba.waitForSelector("text=Your approval is recorded.");
assert.match(await dba.textContent("h1"), /approved/);
assert.equal(await dba.$("#decide button"), null);
step("approved by keyboard");

// A denial needs a reason, and the browser says so before anything is sent.
await dba.goto(url + "/t/LIVE-01");
await dba.click("button:has-text('Deny')");
assert.equal(await dba.evaluate(() => document.getElementById("reason").validity.valueMissing), true);
await dba.fill("#reason", "wrong customer");
await dba.click("button:has-text('Deny')");
await dba.waitForSelector("text=Your denial is recorded.");
step("denied with a reason");

// What somebody writes is not replaced under their hands; when another decides, the form goes.
await dba.goto(url + "/t/LIVE-02");
await dba.evaluate(() => { window.same = true; });
await dba.waitForFunction(() => window.htmx);
await dba.fill("#reason", "half a rea");
await outside("/deny?ticket=LIVE-02");
await dba.waitForSelector("#hold[data-state='denied']");
await dba.waitForFunction(() => !document.getElementById("decide"));
assert.equal(await dba.evaluate(() => window.same), true);
step("somebody else decided");

// An operator who is writing why a session must end keeps the form when sessions come and go.
const ops = await person("ops-1");
await ops.goto(url + "/sessions");
await ops.waitForFunction(() => window.htmx);
await ops.click("summary:has-text('End this session')");
await ops.fill("details[open] input[name=reason]", "runs wild");
await outside("/session");
await ops.waitForResponse((r) => r.url().includes("part=list"));
assert.equal(await ops.inputValue("details[open] input[name=reason]"), "runs wild");
await ops.click("button:has-text('End it now')");
await ops.waitForSelector("text=ended by ops-1: runs wild");
step("a session was ended");

// Without the libraries the page is kept up to date all the same.
const bare = await person("dba-2", {}, (c) => c.route("**/static/vendor/**", (r) => r.abort()));
await bare.evaluate(() => { window.same = true; });
await outside("/new?ticket=BARE-01");
await bare.waitForSelector("#h-BARE-01");
assert.equal(await bare.evaluate(() => window.same && !window.htmx), true);
step("live without htmx");

// Without scripts everything works by links and forms.
const plain = await person("dba-2", { javaScriptEnabled: false });
await plain.click("#a-BARE-01");
await plain.waitForURL(url + "/t/BARE-01");
await plain.fill("#reason", "no script");
await plain.click("button:has-text('Deny')");
await plain.waitForSelector("text=Your denial is recorded.");
await plain.click("text=Sign out");
await plain.waitForSelector("text=You are signed out here");
await plain.goto(url + "/holds");
assert.ok(!plain.url().startsWith(url), "signed out and still in");
step("works without scripts");

// Signing out in one window empties the others.
const here = await person("dba-2");
const there = await here.context().newPage();
await there.goto(url + "/t/W4GT-8S");
await there.waitForFunction(() => window.htmx);
await here.click("text=Sign out");
await there.waitForURL((u) => !u.href.startsWith(url));
step("signing out empties the other windows");

// When the gateway is gone the page says that it may be old.
const cut = await person("dba-2", {}, async (c) => {
  await c.route("**/live", (r) => r.abort());
  await c.route("**/holds?part=list", (r) => r.abort());
});
await cut.waitForSelector("#stale:not([hidden])");
step("a page that may be old says so");

await browser.close();
assert.deepEqual(wrong, []);
