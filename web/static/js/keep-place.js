// @ts-check
import { announce } from "./announce.js";

/**
 * Keeps the place of whoever pressed a button that replaces a part of the page: htmx alone would leave them without
 * the focus, and at the foot of what is new. A new page is read from its top; of anything else the same control has
 * the focus again, where it was on the screen. Without one, the heading has it.
 *
 * @typedef {{ sourceElement: Element, target: Element | string }} Context - of a request of htmx; the server may name
 *   another target by its selector
 * @typedef {{ key: string, isTurned: boolean, top: number }} Place
 */

const CONTROLS = "a[href], button, input, select, summary";
const PAGE = "#results-page";
const NEWS = "#results .take p";

/** @type {Place | null} */
let left = null;

/**
 * @param {Event} event
 * @returns {Context | undefined}
 */
function contextOf(event) {
  return event instanceof CustomEvent ? event.detail?.ctx : undefined;
}

/** @param {Context} context */
function targetOf({ target }) {
  return typeof target === "string" ? document.querySelector(target) : target;
}

/**
 * What makes a control the same as one before.
 * @param {Element} control
 */
function keyOf(control) {
  const attributes = ["name", "value", "href"].map((name) => control.getAttribute(name) ?? "");
  return [control.tagName, ...attributes, control.closest("form")?.getAttribute("action") ?? ""].join(" ");
}

/**
 * @param {Context} context
 * @returns {Place | null} null where nobody was in the part that is replaced
 */
function placeIn(context) {
  const { sourceElement } = context;
  const at = sourceElement.matches(CONTROLS) ? sourceElement : document.activeElement;
  if (at === null || !targetOf(context)?.contains(at)) return null;
  const isTurned = at.getAttribute("name") === "page";
  return { key: keyOf(at), isTurned, top: at.getBoundingClientRect().top };
}

/**
 * @param {Place} place
 * @param {Element} target
 */
function goBack({ key, isTurned, top }, target) {
  const page = isTurned ? target.querySelector(PAGE) : null;
  const same = [...target.querySelectorAll(CONTROLS)].find((control) => keyOf(control) === key);
  const goal = page ?? same ?? target.querySelector("h1, h2");
  if (!(goal instanceof HTMLElement)) return;
  if (goal !== same) goal.tabIndex = -1;
  goal.focus({ preventScroll: true });
  if (goal === same) scrollBy({ top: goal.getBoundingClientRect().top - top, behavior: "instant" });
  else goal.scrollIntoView();
}

document.addEventListener("htmx:before:swap", (event) => {
  const context = contextOf(event);
  left = context ? placeIn(context) : null;
});

document.addEventListener("htmx:after:swap", (event) => {
  const context = contextOf(event);
  const target = context ? targetOf(context) : null;
  if (!target || !left) return;
  goBack(left, target);
  // Whoever turned the page hears the caption; whoever ticked hears how many are chosen.
  announce(left.isTurned ? "" : (target.querySelector(NEWS)?.textContent ?? ""));
  left = null;
});
