// @ts-check
/**
 * Shows the news of a run while its page is open. Each event names a part of the page and holds its new content,
 * rendered by our own server. The browser opens the stream again by itself when it ends; without this script the
 * page is reloaded by hand.
 */

const place = document.querySelector("[data-news]");

/**
 * What the person is at stays where it is: an open question, and the focus.
 * @param {Element} part
 */
function isBusy(part) {
  return part.querySelector("details.ask[open]") !== null || part.contains(document.activeElement);
}

/** @param {HTMLElement} around */
function listen(around) {
  const news = new EventSource(around.dataset.news ?? "");
  for (const part of around.querySelectorAll("[data-part]")) {
    if (!(part instanceof HTMLElement)) continue;
    news.addEventListener(part.dataset.part ?? "", (event) => {
      if (event instanceof MessageEvent && !isBusy(part)) replace(part, event.data);
    });
  }
  addEventListener("pagehide", () => news.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
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

if (place instanceof HTMLElement) listen(place);
