// Answers archives, one JSON line each on stdin, as the page does: `[{ path, content }]`, the content in base64.
import { createInterface } from "node:readline";
import { asArchiveError } from "../../../web/static/js/archive/errors.js";
import { filesOf } from "../../../web/static/js/archive/gather.js";
import { readArchive } from "../../../web/static/js/archive/read.js";
import { summarise } from "../../../web/static/js/archive/summary.js";

const MAX_PEOPLE = 100_000;

/** `[error, people, owner, notices, bad rows, left out]`, and the stack of a fault of our own. */
async function answer(chosen) {
  try {
    const reading = await readArchive(filesOf(chosen));
    const { portions, owner, notices, badRows, leftOut } = summarise(reading, MAX_PEOPLE);
    const lines = (await Promise.all(portions.map(({ pairs }) => pairs.text()))).join("");
    return [[], lines.split("\n").slice(0, -1), owner, notices.toSorted(), badRows, leftOut];
  } catch (error) {
    const { code, file, cause } = asArchiveError(error);
    return [[code, file], [], "", [], 0, [], code === "reader-failed" ? String(cause?.stack) : ""];
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const chosen = JSON.parse(line).map(({ path, content }) => ({
    path,
    file: new File([Buffer.from(content, "base64")], path.split("/").pop()),
  }));
  process.stdout.write(`${JSON.stringify(await answer(chosen))}\n`);
}
