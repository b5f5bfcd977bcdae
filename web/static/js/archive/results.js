// @ts-check
import { sentenceOf } from "../problem.js";

/** @typedef {import("./summary.js").Portion} Portion */

/** The server did not answer with results; `message` is the name of a sentence, or a sentence of its own. */
export class AnswerError extends Error {
  /**
   * @param {string} message
   * @param {number} [seconds] - to wait before the next try, if the server said so
   */
  constructor(message, seconds = 0) {
    super(message);
    this.name = "AnswerError";
    this.seconds = seconds;
  }
}

const DEFAULT_WAIT_S = 60;

/**
 * Sends a portion of the people of one archive to the form's address, and returns the answer's HTML. Throws AnswerError,
 * or the signal's reason when it was cancelled.
 * @param {HTMLFormElement} form - its other fields go along, its files do not
 * @param {Portion} portion
 * @param {string} owner
 * @param {AbortSignal} signal
 */
export function fetchResults(form, portion, owner, signal) {
  const body = new FormData(form);
  for (const [name, value] of [...body]) if (value instanceof File) body.delete(name);
  body.set("pairs", portion.pairs, "pairs.txt");
  body.set("owner", owner);
  return fetchAnswer(form, body, signal);
}

/**
 * The same for what the tab remembers: the people, and the results form as it stood.
 * @param {HTMLFormElement} form
 * @param {import("../tab-list.js").Remembered} remembered
 * @param {AbortSignal} signal
 */
export function fetchAgain(form, { pairs, seen }, signal) {
  const body = new FormData();
  for (const [name, value] of seen.fields) body.append(name, value);
  body.set("pairs", new Blob([pairs], { type: "text/plain" }), "pairs.txt");
  return fetchAnswer(form, body, signal);
}

/**
 * @param {HTMLFormElement} form
 * @param {FormData} body
 * @param {AbortSignal} signal
 */
async function fetchAnswer(form, body, signal) {
  const headers = { Accept: "text/html", "X-Passerelle-Fragment": "1" };
  try {
    const response = await fetch(form.action, { method: "POST", body, headers, signal });
    if (!response.ok) throw await refusal(response);
    if (!mediaType(response).startsWith("text/html")) throw new AnswerError("server-error");
    return await response.text();
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof AnswerError ? error : unreached();
  }
}

/** Nothing came back: it is the connection, where the browser knows that it has none. */
export function unreached() {
  return new AnswerError(navigator.onLine ? "server-unreachable" : "offline");
}

/**
 * The sentence of our own server comes first; of a proxy before it only the status is known.
 * @param {Response} response
 */
async function refusal(response) {
  const said = sentenceOf(mediaType(response), await response.text().catch(() => ""));
  if (said) return new AnswerError(said);
  if (response.status === 413) return new AnswerError("server-too-large");
  if (response.status === 429) return new AnswerError("server-busy", waitOf(response));
  if (response.status === 503) return new AnswerError("server-down", waitOf(response));
  return new AnswerError("server-error");
}

/** @param {Response} response */
function waitOf(response) {
  const seconds = Number(response.headers.get("Retry-After"));
  return Number.isInteger(seconds) && seconds > 0 ? seconds : DEFAULT_WAIT_S;
}

/** @param {Response} response */
function mediaType(response) {
  return (response.headers.get("Content-Type") ?? "").toLowerCase();
}

/**
 * Puts the answer into the page.
 * @param {HTMLElement} place
 * @param {string} html - of our own server
 */
export function putResults(place, html) {
  place.innerHTML = html;
  /** @type {any} */ (globalThis).htmx?.process(place);
}

/**
 * Puts the answer into the page, and moves the focus to its heading.
 * @param {HTMLElement} place
 * @param {string} html - of our own server
 */
export function showResults(place, html) {
  putResults(place, html);
  const heading = place.querySelector("h1, h2, h3, h4, h5, h6");
  if (!(heading instanceof HTMLElement)) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
  const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  heading.scrollIntoView({ behavior: isCalm ? "auto" : "smooth" });
}
