// @ts-check
/**
 * Shows the news of a run while its page is open. Each event names a part of the page and holds its new content,
 * rendered by our own server. The browser opens the stream again by itself when it ends, but not after an answer that is
 * none, such as a proxy's while the server is started anew; without this script the page is reloaded by hand.
 */

const place = document.querySelector("[data-news]");

/** Milliseconds before the stream is asked for again after such an answer: at first, and at most. */
const FIRST_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 300_000;
/** How often, with no news between them: an hour and a half, after which whoever looks reloads the page. */
const MAX_TRIES = 22;
/** The id of the news of a run that is over: none come after them. */
const LAST = "last";
/** Milliseconds after which news are shown that were kept back: a press that moved the focus is over by then. */
const SETTLED_MS = 500;

/**
 * What the person is at stays where it is: an open question, and the focus.
 * @param {Element} part
 */
function isBusy(part) {
  return part.querySelector("details.ask[open]") !== null || part.contains(document.activeElement);
}

/** The parts of a page, each with what it is to show. */
class Parts {
  /** @param {HTMLElement} around */
  constructor(around) {
    this.around = around;
    /** @type {Map<HTMLElement, string>} news of parts that were busy: each is told once */
    this.kept = new Map();
    for (const change of ["focusout", "toggle"]) {
      around.addEventListener(change, () => setTimeout(() => this.settle(), SETTLED_MS), true);
    }
  }

  /**
   * @param {HTMLElement} part
   * @param {string} html
   */
  show(part, html) {
    this.kept.set(part, html);
    this.settle();
  }

  settle() {
    for (const [part, html] of this.kept) {
      if (isBusy(part)) continue;
      this.kept.delete(part);
      replace(part, html);
    }
  }
}

/** The stream of news, opened again for as long as some can come. */
class News {
  /** @param {HTMLElement} around */
  constructor(around) {
    this.around = around;
    this.parts = new Parts(around);
    this.isOver = false;
    this.tries = 0;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    this.stream = this.open();
  }

  /** @returns {EventSource} */
  open() {
    const stream = new EventSource(this.around.dataset.news ?? "");
    for (const part of this.around.querySelectorAll("[data-part]")) {
      if (!(part instanceof HTMLElement)) continue;
      stream.addEventListener(part.dataset.part ?? "", (event) => {
        if (event instanceof MessageEvent) this.take(part, event);
      });
    }
    stream.addEventListener("error", () => this.goOn());
    return stream;
  }

  /**
   * @param {HTMLElement} part
   * @param {MessageEvent} event
   */
  take(part, { data, lastEventId }) {
    this.tries = 0;
    this.isOver = lastEventId === LAST;
    this.parts.show(part, data);
  }

  /** Opens the stream again where the browser does not. */
  goOn() {
    if (this.stream.readyState !== EventSource.CLOSED || this.isOver || this.tries >= MAX_TRIES) return;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.tries++, MAX_PAUSE_MS);
    this.timer = setTimeout(() => {
      this.stream = this.open();
    }, pause);
  }

  close() {
    clearTimeout(this.timer);
    this.stream.close();
  }
}

/**
 * @param {HTMLElement} part
 * @param {string} html
 */
function replace(part, html) {
  const open = [...part.querySelectorAll("details")].map((details) => details.open);
  part.innerHTML = html;
  part.querySelectorAll("details").forEach((details, index) => {
    details.open = open[index] ?? false;
  });
}

if (place instanceof HTMLElement) {
  const news = new News(place);
  addEventListener("pagehide", () => news.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
}
