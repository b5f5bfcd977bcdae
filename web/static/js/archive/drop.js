// @ts-check
import { ArchiveError } from "./errors.js";
import { gatherDropped, gatherFiles } from "./gather.js";
import { Again } from "./again.js";
import { AnswerError, fetchResults, showResults, unreached } from "./results.js";
import { DropView } from "./view.js";

/**
 * Makes each `[data-archive-drop]` of the page live: the archive is read here, and only numbers and
 * names are sent. Without this script, or where the browser lacks something, the form sends the files.
 *
 * @typedef {import("./open.js").Chosen} Chosen
 * @typedef {import("./worker.js").Message} Message
 * @typedef {import("./summary.js").Summary} Summary
 */

/** Names of files in one sentence. */
const MAX_NAMES_TOLD = 5;
const WORKER = new URL("./worker.js", import.meta.url);

/** The archive cannot be read; holds the name of the sentence that says why. */
class ReadingError extends Error {
  /**
   * @param {string} code
   * @param {string} file
   */
  constructor(code, file) {
    super(code);
    this.name = "ReadingError";
    this.file = file;
  }
}

/** One archive after the other, from the drop to the results. */
export class ArchiveDrop {
  /**
   * @param {DropView} view
   * @param {HTMLElement} results
   */
  constructor(view, results) {
    this.view = view;
    this.results = results;
    this.again = Again.of(this);
    /** @type {AbortController | null} */
    this.run = null;
    /** @type {(() => void) | null} offers again what was asked for, where it comes to nothing */
    this.left = null;
  }

  listen() {
    const { view } = this;
    view.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { files } = view.folder.files?.length ? view.folder : view.files;
      this.read(gatherFiles(files ?? []));
    });
    for (const [input, other] of [
      [view.files, view.folder],
      [view.folder, view.files],
    ]) {
      // Choosing the same archive once more, after an error or a cancel, has to count as a change.
      input.addEventListener("click", () => (input.value = ""));
      input.addEventListener("change", () => {
        other.value = "";
        if (input.files?.length) this.read(gatherFiles(input.files));
      });
    }
    view.cancel.addEventListener("click", () => this.stop());
    this.listenToDrops();
  }

  /** The whole page takes a drop: beside the zone, the browser would open the archive instead. */
  listenToDrops() {
    const { root } = this.view;
    document.addEventListener("dragover", (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      root.dataset.over = "";
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) delete root.dataset.over;
    });
    document.addEventListener("drop", (event) => {
      delete root.dataset.over;
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      this.read(gatherDropped(event.dataTransfer));
    });
  }

  /** Cancels the run, and shows that. */
  stop() {
    if (!this.run) return;
    const { left, view } = this;
    // What was sent may have been acted on.
    const cancelled = view.isAsking ? "cancelled-asking" : "cancelled";
    this.end();
    view.conclude([cancelled]);
    left?.();
  }

  /** Ends the run, if there is one, and offers nothing of it. */
  end() {
    this.run?.abort();
    this.run = null;
    this.left = null;
    this.view.offerNothing();
    this.view.finish();
  }

  /** @param {Chosen[] | Promise<Chosen[]>} choosing */
  read(choosing) {
    return this.start(async (signal) => this.readAndAsk(await choosing, signal));
  }

  /**
   * @param {(signal: AbortSignal) => Promise<void>} work - takes the place of what runs
   * @param {boolean} [isAskedFor] - as for `DropView.begin`
   */
  async start(work, isAskedFor = true) {
    this.run?.abort();
    const run = (this.run = new AbortController());
    this.left = null;
    // Results may have taken its own place; what becomes of this one has to be seen.
    if (!this.view.root.isConnected) this.results.prepend(this.view.root);
    this.view.begin(isAskedFor);
    try {
      await work(run.signal);
    } catch (error) {
      if (this.run === run) this.fail(error);
    }
    if (this.run === run) this.run = null;
  }

  /**
   * @param {Chosen[]} chosen
   * @param {AbortSignal} signal
   */
  async readAndAsk(chosen, signal) {
    const { view } = this;
    const summary = await readInWorker(
      { chosen, maxPeople: view.maxPeople },
      signal,
      ({ stage, done, total }) => {
        view.advance(stage, total > 0 ? Math.min(1, done / total) : null);
      },
    );
    if (summary.people === 0) {
      view.finish();
      view.conclude(summary.notices, valuesOf(summary));
      return;
    }
    await this.ask(summary, 0, signal);
  }

  /**
   * Looks one portion of the people up, and offers the next.
   * @param {Summary} summary
   * @param {number} index
   * @param {AbortSignal} signal
   */
  async ask(summary, index, signal) {
    const { view } = this;
    const portion = summary.portions[index];
    // The first portion comes with the archive, which is still chosen.
    if (index > 0) this.left = () => this.offer(summary, index);
    view.advance("asking", null);
    const html = await fetchResults(view.form, portion, summary.owner, signal);
    signal.throwIfAborted();
    view.finish();
    const from = summary.portions.slice(0, index).reduce((sum, { people }) => sum + people, 0);
    const notices = index === 0 ? summary.notices : ["portion"];
    const to = from + portion.people;
    view.tell(["read", ...notices], { ...valuesOf(summary), from: from + 1, to, asked: portion.people });
    showResults(this.results, html);
    await this.again?.keep(portion.pairs, signal);
    signal.throwIfAborted();
    this.offer(summary, index + 1);
  }

  /**
   * Offers to look one portion of the people up, if there is one.
   * @param {Summary} summary
   * @param {number} index
   */
  offer(summary, index) {
    const portion = summary.portions[index];
    if (portion) this.view.offer(portion.people, () => this.start((signal) => this.ask(summary, index, signal)));
  }

  /** @param {unknown} error */
  fail(error) {
    this.view.finish();
    if (error instanceof ArchiveError) this.view.fail(error.code, { file: error.file });
    else if (error instanceof ReadingError) this.view.fail(error.message, { file: error.file });
    else if (error instanceof AnswerError) this.view.fail(error.message, { seconds: error.seconds });
    else {
      console.error(error);
      this.view.fail("reader-failed");
    }
    this.left?.();
  }
}

/** @param {string[]} names */
function someOf(names) {
  return [...names.slice(0, MAX_NAMES_TOLD), ...(names.length > MAX_NAMES_TOLD ? ["…"] : [])].join(", ");
}

/** @param {Summary} summary */
function valuesOf({ people, named, badRows, leftOut }) {
  return { people, named, rows: badRows, files: someOf(leftOut) };
}

/**
 * @param {import("./worker.js").Task} task
 * @param {AbortSignal} signal
 * @param {(progress: import("./read.js").Progress) => void} onProgress
 * @returns {Promise<Summary>}
 */
function readInWorker(task, signal, onProgress) {
  signal.throwIfAborted();
  const worker = new Worker(WORKER, { type: "module" });
  /** @type {Promise<Summary>} */
  const summary = new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    worker.onerror = (event) => {
      event.preventDefault();
      // A worker whose scripts could not be fetched gives an event without a message.
      const isFetched = event instanceof ErrorEvent && Boolean(event.message);
      reject(isFetched ? new ReadingError("reader-failed", "") : unreached());
    };
    worker.onmessage = (/** @type {MessageEvent<Message>} */ { data }) => {
      if (signal.aborted) return;
      if (data.type === "progress") onProgress(data.progress);
      else if (data.type === "done") resolve(data.summary);
      else reject(new ReadingError(data.code, data.file));
    };
    worker.postMessage(task);
  });
  return summary.finally(() => worker.terminate());
}

/** Whether this browser has all that the reader needs. */
function canRead() {
  try {
    return typeof Worker === "function" && Boolean(new DecompressionStream("deflate-raw"));
  } catch {
    return false;
  }
}

for (const root of document.querySelectorAll("[data-archive-drop]")) {
  const results = document.querySelector("#results");
  if (!(root instanceof HTMLElement) || !(results instanceof HTMLElement) || !canRead()) continue;
  const view = new DropView(root);
  view.enable();
  const drop = new ArchiveDrop(view, results);
  drop.listen();
  drop.again?.listen();
}
