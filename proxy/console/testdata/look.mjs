// Opens the console in Chromium as real people do and saves what they see: look.mjs CONSOLE_URL FOLDER
// It fails on an error in a page, a violation of the Content-Security-Policy, or a page that scrolls sideways.
import { createRequire } from "node:module";
const require = createRequire(process.env.SLUICE_BROWSER + "/");
const { chromium } = require("playwright-core");

const [url, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox", "--disable-gpu"] });
const wrong = [];

const person = async (subject, options) => {
  const context = await browser.newContext(options);
  await context.addInitScript(() => document.addEventListener("securitypolicyviolation", (e) => console.error(`${e.violatedDirective} ${e.sourceFile}:${e.lineNumber}:${e.columnNumber} ${e.sample}`)));
  const page = await context.newPage();
  page.on("console", (m) => { if (page.url().startsWith(url) && (m.type() === "error" || m.type() === "warning")) wrong.push(`${page.url()}: ${m.text()}`); });
  page.on("pageerror", (e) => wrong.push(`${page.url()}: ${e}`));
  await page.goto(url + "/holds");
  await page.click(`button[value="${subject}"]`);
  await page.waitForURL(url + "/holds");
  return page;
};
const shot = async (page, name, path) => {
  if (path) await page.goto(url + path);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wide > 0) wrong.push(`${name}: ${wide} px too wide`);
  await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
};
const desk = { viewport: { width: 1200, height: 800 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

// The picture of the README.
const picture = await person("dba-2", { viewport: { width: 1000, height: 680 }, deviceScaleFactor: 2, colorScheme: "light" });
await picture.screenshot({ path: `${folder}/picture.png` });

const dba = await person("dba-2", { ...desk, colorScheme: "light" });
await shot(dba, "holds-light");
await shot(dba, "ticket-light", "/t/HX4K-2Q");
await shot(dba, "own-light", "/t/PX2V-6H");
await dba.emulateMedia({ media: "print" });
await shot(dba, "ticket-print");
const dark = await person("dba-2", { ...desk, colorScheme: "dark" });
await shot(dark, "holds-dark");
await shot(dark, "ticket-dark", "/t/HX4K-2Q");
const small = await person("dba-2", { ...phone, colorScheme: "dark" });
await shot(small, "holds-phone");
await shot(small, "ticket-phone", "/t/HX4K-2Q");
const ops = await person("ops-1", { ...phone, colorScheme: "light" });
await shot(ops, "long-phone", "/t/W4GT-8S");
await shot(ops, "sessions-phone", "/sessions");
await shot(ops, "status-phone", "/status");
const desko = await person("ops-1", desk);
await shot(desko, "sessions-light", "/sessions");
await shot(desko, "status-light", "/status");
const audit = await person("audit-1", desk);
await shot(audit, "recording-light", "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX");
await shot(audit, "broken-light", "/sessions/01JDEVB0M3C2F6Y6H0K9D4S8TA");
await shot(audit, "decisions-light", "/decisions");
await shot(audit, "decision-light", "/decisions/01JDEXR3CCCCCCCCCCCCCCCCCC");
await shot(audit, "shadow-light", "/shadow");
const darkAudit = await person("audit-1", { ...desk, colorScheme: "dark" });
await shot(darkAudit, "decision-dark", "/decisions/01JDEXR2BBBBBBBBBBBBBBBBBB");
await shot(darkAudit, "shadow-dark", "/shadow");
const smallAudit = await person("audit-1", { ...phone, colorScheme: "light" });
await shot(smallAudit, "recording-phone", "/sessions/01JDEXQ4ZJ8N0Q8Z1T6M7R2VWX");
await shot(smallAudit, "decisions-phone", "/decisions?verdict=deny");
await shot(smallAudit, "decision-phone", "/decisions/01JDEXR1AAAAAAAAAAAAAAAAAA");
await shot(smallAudit, "shadow-phone", "/shadow");

await browser.close();
if (wrong.length) {
  console.error(wrong.join("\n"));
  process.exit(1);
}
