// @ts-check
/** Says what changed elsewhere on the page than where somebody acts. */
const announced = document.body.appendChild(document.createElement("p"));
announced.className = "hidden";
announced.setAttribute("aria-live", "polite");

/** @param {string} text - an empty one takes back what was said */
export function announce(text) {
  announced.textContent = text;
}
