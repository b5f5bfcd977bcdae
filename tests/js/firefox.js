// Gives archives to the page in Firefox, over WebDriver BiDi, and prints what came of each as JSON.
//   node firefox.js <firefox> <page's address> <archive>...
import { launch } from "puppeteer-core";

const [executablePath, address, ...archives] = process.argv.slice(2);
const TIMEOUT_MS = 60_000;

async function give(page, archive) {
  await page.goto(address);
  const input = await page.waitForSelector("[data-archive-drop][data-state] input[name=files]");
  await input.uploadFile(archive);
  const isOver = () => document.querySelector("#results h2, [role=alert] p");
  await page.waitForFunction(isOver, { timeout: TIMEOUT_MS });
  return page.evaluate(() => ({
    focused: document.activeElement.textContent,
    error: document.querySelector("[role=alert]").textContent,
    violations: window.violations,
  }));
}

const browser = await launch({ browser: "firefox", executablePath, headless: true });
try {
  const page = await browser.newPage();
  const outcomes = [];
  for (const archive of archives) outcomes.push(await give(page, archive));
  console.log(JSON.stringify(outcomes));
} finally {
  await browser.close();
}
