// @ts-check
/**
 * The list that a tab remembers, so that a reload, another language and "Back" bring its results again: the people,
 * and the results form as it stands. It is in the tab's own storage until the tab is closed, and nowhere else.
 * Where the browser keeps nothing, or not as much, the list is lost with the page.
 *
 * Every function is called with the storage switched off, too: a browser throws at its mere name then.
 *
 * @typedef {{ fields: [string, string][], top: number }} Seen - the form without the people, and how far down from
 *   where the results begin
 * @typedef {{ pairs: string, seen: Seen }} Remembered
 */

const PAIRS = "passerelle.pairs";
const SEEN = "passerelle.seen";
const EPOCH = "passerelle.epoch";
const FORM = "#results-form";

/** Signing out begins another epoch, for all tabs: what was remembered in one before is forgotten. */
function epoch() {
  return localStorage.getItem(EPOCH) ?? "";
}

/**
 * Remembers a list in place of the one before. Returns false where it could not.
 * @param {string} pairs - one line a person, as it is sent
 */
export function remember(pairs) {
  forget();
  try {
    sessionStorage.setItem(PAIRS, `${epoch()}\n${pairs}`);
    return true;
  } catch {
    return false;
  }
}

/** Remembers how the results form stands now, and how far down the page is. */
export function rememberView() {
  const form = document.querySelector(FORM);
  try {
    if (sessionStorage.getItem(PAIRS) === null) return;
    const all = form instanceof HTMLFormElement ? [...new FormData(form)] : [];
    /** @type {[string, string][]} */
    const fields = [];
    for (const [name, value] of all) if (name !== "pairs" && typeof value === "string") fields.push([name, value]);
    sessionStorage.setItem(SEEN, JSON.stringify({ fields, top: scrollY - startOfResults() }));
  } catch {
    // The people come again without it.
  }
}

/** @returns {Remembered | null} null where nothing is remembered, or no longer may be */
export function recall() {
  try {
    const [kept, ...pairs] = (sessionStorage.getItem(PAIRS) ?? "").split("\n");
    if (pairs.length === 0) return null;
    if (kept !== epoch()) {
      forget();
      return null;
    }
    return { pairs: pairs.join("\n"), seen: JSON.parse(sessionStorage.getItem(SEEN) ?? '{"fields":[],"top":0}') };
  } catch {
    return null;
  }
}

/** Forgets the list of this tab. */
export function forget() {
  try {
    sessionStorage.removeItem(PAIRS);
    sessionStorage.removeItem(SEEN);
  } catch {
    // Nothing can be remembered here.
  }
}

/** Forgets the lists of all tabs of this browser. */
export function forgetEverywhere() {
  forget();
  try {
    localStorage.setItem(EPOCH, [...crypto.getRandomValues(new Uint32Array(2))].join("-"));
  } catch {
    // Nothing can be remembered here.
  }
}

/**
 * Keeps what is remembered up to date while the page is open.
 * @param {() => void} onForgotten - somebody signed out, here or in another tab
 */
export function watch(onForgotten) {
  document.addEventListener("change", (event) => {
    if (event.target instanceof Element && event.target.closest(FORM)) rememberView();
  });
  document.addEventListener("htmx:after:swap", rememberView);
  addEventListener("pagehide", rememberView);
  addEventListener("storage", (event) => {
    if (event.key === EPOCH && recall() === null) onForgotten();
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted && recall() === null) onForgotten();
  });
}

function startOfResults() {
  const results = document.querySelector("#results");
  return results ? results.getBoundingClientRect().top + scrollY : 0;
}

/** @returns {"back" | "translated" | "opened"} how one came to this page */
export function wayHere() {
  const [opened] = performance.getEntriesByType("navigation");
  if (opened instanceof PerformanceNavigationTiming && opened.type !== "navigate") return "back";
  return new URLSearchParams(location.search).has("lang") ? "translated" : "opened";
}

/**
 * Scrolls to where one was; to the results after the link of another language, which stands at the foot.
 * @param {Remembered} remembered
 */
export function scrollBack({ seen }) {
  const way = wayHere();
  if (way === "opened") return;
  scrollTo({ top: startOfResults() + (way === "back" ? seen.top : 0), behavior: "instant" });
}
