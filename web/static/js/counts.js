// @ts-check
import { announce } from "./announce.js";
import { pluralOf } from "./plural.js";

/**
 * Keeps the numbers above a table of results true while boxes are ticked, and says how many are chosen: that stands far
 * above. Those of all other pages were counted by the server, which counts anew with each answer.
 */

/** @param {HTMLFormElement} form */
function recount(form) {
  const take = form.querySelector("[data-take]");
  if (!(take instanceof HTMLElement)) return;
  let chosen = Number(take.dataset.chosen);
  /** @type {Record<string, number>} */
  const held = { mastodon: Number(take.dataset.mastodon), bluesky: Number(take.dataset.bluesky) };
  for (const box of form.querySelectorAll("input[name=tick]")) {
    if (!(box instanceof HTMLInputElement)) continue;
    const change = Number(box.checked) - Number(box.defaultChecked);
    chosen += change;
    held[box.dataset.network ?? ""] += change;
  }
  tell(take, chosen, { ...held, all: chosen });
}

/**
 * @param {HTMLElement} take
 * @param {number} chosen
 * @param {Record<string, number>} held
 */
function tell(take, chosen, held) {
  const number = new Intl.NumberFormat(document.documentElement.lang || undefined);
  const sentence = take.querySelector("[data-counted=chosen]");
  const text = pluralOf(take, "counted-as", "chosen", chosen).replace("{num}", number.format(chosen));
  if (sentence) sentence.textContent = text;
  announce(text);
  for (const place of take.querySelectorAll("[data-held]")) {
    if (!(place instanceof HTMLElement)) continue;
    const values = { num: held[place.dataset.held ?? ""], total: chosen };
    place.textContent = (place.dataset.pattern ?? "").replace(/\{(num|total)\}/g, (_, name) =>
      number.format(values[/** @type {"num" | "total"} */ (name)]),
    );
  }
}

// The results come and go with each answer: the page listens, not the boxes.
document.addEventListener("change", (event) => {
  const box = event.target;
  if (box instanceof HTMLInputElement && box.name === "tick" && box.form) recount(box.form);
});
