// @ts-check
import { forget, recall, remember, rememberView, scrollBack, watch, wayHere } from "../tab-list.js";
import { fetchAgain, putResults } from "./results.js";

/**
 * Brings the results again of the list that the tab remembers. Only where a page says that it is remembered, which a
 * member's page does not: there a list is kept on the server, or nowhere.
 *
 * @typedef {import("./drop.js").ArchiveDrop} ArchiveDrop
 * @typedef {import("../tab-list.js").Remembered} Remembered
 */
export class Again {
  /** @param {ArchiveDrop} drop */
  static of(drop) {
    const note = document.querySelector("[data-tab-list]");
    return note instanceof HTMLElement ? new Again(drop, note) : null;
  }

  /**
   * @param {ArchiveDrop} drop
   * @param {HTMLElement} note - says that the list is remembered, and has the button that forgets it
   */
  constructor(drop, note) {
    this.drop = drop;
    this.note = note;
  }

  listen() {
    watch(() => this.clear());
    this.note.querySelector("button")?.addEventListener("click", () => {
      forget();
      this.clear();
      this.drop.view.files.focus({ preventScroll: true });
      this.drop.view.conclude(["forgotten"]);
    });
    const remembered = recall();
    if (remembered) this.bring(remembered);
  }

  /** @param {Remembered} remembered */
  bring(remembered) {
    const { drop } = this;
    this.tell();
    return drop.start(async (signal) => {
      drop.view.advance("asking-again", null);
      const html = await fetchAgain(drop.view.form, remembered, signal);
      signal.throwIfAborted();
      drop.view.finish();
      drop.view.tell(["again"]);
      putResults(drop.results, html);
      scrollBack(remembered);
    }, wayHere() !== "opened");
  }

  /**
   * Remembers the people who were looked up; of a list that the browser finds too long, those who were found.
   * @param {Blob} pairs
   * @param {AbortSignal} signal - aborted where the list is forgotten meanwhile
   */
  async keep(pairs, signal) {
    const found = this.drop.results.querySelector('input[name="pairs"]');
    const text = await pairs.text();
    signal.throwIfAborted();
    const isKept = remember(text);
    if (!isKept && found instanceof HTMLInputElement) remember(found.value);
    rememberView();
    this.tell();
  }

  /** Says whether a list is remembered. */
  tell() {
    this.note.hidden = recall() === null;
  }

  /** Takes the results away whose list is forgotten, the archive that it was read from, and the rest of its people. */
  clear() {
    this.drop.end();
    this.drop.view.chooseNothing();
    this.drop.view.tell([]);
    this.drop.results.replaceChildren();
    this.tell();
  }
}
