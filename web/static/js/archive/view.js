// @ts-check
import { pluralOf } from "../plural.js";

/** @typedef {Readonly<Record<string, string | number>>} Values */

/** The visible parts of the archive drop. Every sentence comes from the page's `<template data-message>`. */
export class DropView {
  /** @param {HTMLElement} root - the element with `data-archive-drop` */
  constructor(root) {
    this.root = root;
    this.form = /** @type {HTMLFormElement} */ (this.part("form"));
    this.files = /** @type {HTMLInputElement} */ (this.part("files"));
    this.folder = /** @type {HTMLInputElement} */ (this.part("folder"));
    this.cancel = /** @type {HTMLButtonElement} */ (this.part("cancel"));
    this.next = /** @type {HTMLButtonElement} */ (this.part("next"));
    this.progress = /** @type {HTMLElement} */ (this.part("progress"));
    this.bar = /** @type {HTMLProgressElement} */ (this.part("bar"));
    this.step = /** @type {HTMLElement} */ (this.part("step"));
    this.status = /** @type {HTMLElement} */ (this.part("status"));
    this.error = /** @type {HTMLElement} */ (this.part("error"));
    this.announced = /** @type {HTMLElement} */ (this.part("announced"));
    this.error.tabIndex = -1;
    /** How many people the server looks up at once. */
    this.maxPeople = Number(root.dataset.maxPeople);
    const language = document.documentElement.lang || undefined;
    this.number = new Intl.NumberFormat(language);
    this.percent = new Intl.NumberFormat(language, { style: "percent" });
  }

  /** Whether what was read is with the server now. */
  get isAsking() {
    return this.root.dataset.step === "asking";
  }

  /** Shows what needs this script, and hides the text for browsers without it. */
  enable() {
    for (const element of this.all("[data-with-script]")) element.hidden = false;
    for (const element of this.all("[data-without-script]")) element.hidden = true;
    this.root.dataset.state = "idle";
  }

  /**
   * Begins a run: removes the message of the last one.
   * @param {boolean} [isAskedFor] - whether somebody waits for it, who has to see how far it is
   */
  begin(isAskedFor = true) {
    this.root.dataset.state = "busy";
    this.error.replaceChildren();
    this.status.replaceChildren();
    this.offerNothing();
    this.progress.hidden = false;
    this.advance("opening", null);
    if (isAskedFor) reveal(this.progress);
  }

  /**
   * @param {string} step - a message's name
   * @param {number | null} fraction - null where nobody can know
   */
  advance(step, fraction) {
    if (fraction === null) this.bar.removeAttribute("value");
    else this.bar.value = fraction;
    const percent = fraction === null ? "" : this.percent.format(fraction);
    this.step.textContent = this.message(step, { percent });
    // A step is announced once, not at each percent.
    if (this.root.dataset.step !== step) this.announced.textContent = this.message(step, { percent: "" });
    this.root.dataset.step = step;
  }

  /** Ends the run, whatever its result. */
  finish() {
    // A focused control that vanishes would send the focus to the top of the page.
    if (this.progress.contains(document.activeElement)) this.files.focus({ preventScroll: true });
    this.root.dataset.state = "idle";
    delete this.root.dataset.step;
    this.announced.textContent = "";
    this.progress.hidden = true;
  }

  /**
   * Says what came of a run where no results are shown, in view.
   * @param {readonly string[]} messages - names
   * @param {Values} [values]
   */
  conclude(messages, values = {}) {
    this.tell(messages, values);
    reveal(this.status);
  }

  /**
   * @param {readonly string[]} messages - names
   * @param {Values} [values]
   */
  tell(messages, values = {}) {
    this.status.replaceChildren(...messages.map((name) => paragraph(this.message(name, values))));
  }

  /**
   * Offers to look the next portion up. A page whose results replace those before offers none.
   * @param {number} people
   * @param {() => void} work
   */
  offer(people, work) {
    if (this.root.dataset.portions === undefined) return;
    this.next.textContent = this.message("next", { people });
    this.next.onclick = work;
    this.next.hidden = false;
  }

  /** Lets go of the files that are chosen. */
  chooseNothing() {
    this.files.value = "";
    this.folder.value = "";
  }

  /** Takes an offer away, and with it the people whom it would look up. */
  offerNothing() {
    this.next.onclick = null;
    this.next.hidden = true;
  }

  /**
   * Says why it cannot go on, wherever on the page the person is.
   * @param {string} message - a name, or a sentence of the server's
   * @param {Values} [values]
   */
  fail(message, values = {}) {
    this.root.dataset.state = "failed";
    this.error.replaceChildren(paragraph(this.message(message, values)));
    this.error.focus({ preventScroll: true });
    reveal(this.error);
  }

  /**
   * @param {string} name
   * @param {Values} [values]
   */
  message(name, values = {}) {
    const template = this.root.querySelector(`template[data-message="${CSS.escape(name)}"]`);
    if (!(template instanceof HTMLTemplateElement)) return name;
    // A sentence that counts has a form for each plural of the language.
    const count = Number(values[template.dataset.count ?? ""] ?? 0);
    const text = pluralOf(this.root, "message", name, count);
    return text.replace(/\{(\w+)\}/g, (whole, key) => this.shown(key, values[key]) ?? whole);
  }

  /**
   * @param {string} key
   * @param {string | number | undefined} value
   */
  shown(key, value) {
    if (typeof value === "number") return this.number.format(value);
    // The name of a file keeps its own direction, as a `bdi` would have it: FIRST STRONG ISOLATE, and its end.
    return value && key.startsWith("file") ? `\u2068${value}\u2069` : value;
  }

  /** @param {string} name */
  part(name) {
    const [element] = this.all(`[data-part="${name}"]`);
    if (!element) throw new Error(`the archive drop has no part ${name}`);
    return element;
  }

  /** @param {string} selector */
  all(selector) {
    return /** @type {HTMLElement[]} */ ([...this.root.querySelectorAll(selector)]);
  }
}

/**
 * Scrolls no further than it takes to see all of it.
 * @param {HTMLElement} element
 */
function reveal(element) {
  element.scrollIntoView({ block: "nearest" });
}

/** @param {string} text */
function paragraph(text) {
  const element = document.createElement("p");
  element.textContent = text;
  return element;
}
