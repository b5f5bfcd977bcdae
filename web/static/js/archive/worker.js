// @ts-check
import { asArchiveError } from "./errors.js";
import { readArchive } from "./read.js";
import { summarise } from "./summary.js";

/**
 * The reader in a worker. It gets one `Task`, and answers with any number of `progress` and then one `done`
 * or one `failed`. To cancel it, terminate it.
 *
 * @typedef {{ chosen: import("./open.js").Chosen[], maxPeople: number }} Task
 * @typedef {import("./summary.js").Summary} Summary
 * @typedef {{ type: "progress", progress: import("./read.js").Progress }
 *   | { type: "done", summary: Summary }
 *   | { type: "failed", code: import("./errors.js").Code, file: string }} Message
 */

/** Milliseconds between two messages of progress. */
const PROGRESS_INTERVAL_MS = 100;

self.addEventListener(
  "message",
  async (/** @type {MessageEvent<Task>} */ { data: { chosen, maxPeople } }) => {
    try {
      tell({
        type: "done",
        summary: summarise(await readArchive(chosen, throttled(tellProgress)), maxPeople),
      });
    } catch (error) {
      const { code, file, cause } = asArchiveError(error, chosen[0]?.file.name);
      if (code === "reader-failed") console.error(cause);
      tell({ type: "failed", code, file });
    }
  },
);

/** @param {import("./read.js").Progress} progress */
function tellProgress(progress) {
  tell({ type: "progress", progress });
}

/** @param {Message} message */
function tell(message) {
  self.postMessage(message);
}

/**
 * Passes a change of stage at once, and other calls at most once each interval.
 * @param {(progress: import("./read.js").Progress) => void} pass
 */
function throttled(pass) {
  let next = 0;
  let stage = "";
  return (/** @type {import("./read.js").Progress} */ progress) => {
    const now = performance.now();
    if (progress.stage === stage && now < next) return;
    stage = progress.stage;
    next = now + PROGRESS_INTERVAL_MS;
    pass(progress);
  };
}
