// @ts-check
import { sentenceOf } from "./problem.js";

/**
 * Shows why a part of the page failed to load, beside what was pressed: htmx alone would leave the page as it
 * was, without a word. The form around it has the sentences for a server that sends none itself:
 * `data-failed` and `data-unreachable`.
 *
 * @typedef {{
 *   sourceElement: Element,
 *   text?: string,
 *   response?: { headers: Headers },
 * }} Context - of a request of htmx
 */

const SHOWN = "[data-part-error]";

/**
 * @param {Element} pressed
 * @param {string | undefined} sentence
 */
function show(pressed, sentence) {
  clear();
  if (!sentence) return;
  const error = document.createElement("p");
  error.className = "error";
  error.dataset.partError = "";
  error.role = "alert";
  error.textContent = sentence;
  pressed.insertAdjacentElement("afterend", error);
}

function clear() {
  for (const error of document.querySelectorAll(SHOWN)) error.remove();
}

/**
 * @param {Event} event
 * @returns {Context | undefined}
 */
function contextOf(event) {
  return event instanceof CustomEvent ? event.detail?.ctx : undefined;
}

/** @param {Element} pressed */
function sentencesAround(pressed) {
  const around = pressed.closest("[data-failed]");
  return around instanceof HTMLElement ? around.dataset : {};
}

document.addEventListener("htmx:before:request", clear);

document.addEventListener("htmx:response:error", (event) => {
  const context = contextOf(event);
  if (!context?.response) return;
  const said = sentenceOf(context.response.headers.get("Content-Type"), context.text ?? "");
  show(context.sourceElement, said || sentencesAround(context.sourceElement).failed);
});

document.addEventListener("htmx:error", (event) => {
  const context = contextOf(event);
  if (!context || context.response) return;
  show(context.sourceElement, sentencesAround(context.sourceElement).unreachable);
});
