// @ts-check

/**
 * Makes each `[data-share]` of the page live: a button that copies the text of its field, and one that hands it to the
 * device's own way of sharing, where there is one. Without this script the field alone is there, to be copied by hand.
 */

/** @param {HTMLInputElement | HTMLTextAreaElement} field */
async function copy(field) {
  if (navigator.clipboard) return navigator.clipboard.writeText(field.value);
  // An instance without TLS has no clipboard.
  field.select();
  if (!document.execCommand("copy")) throw new Error("the browser did not copy");
}

/** @param {HTMLElement} root */
function enable(root) {
  const field = root.querySelector("input, textarea");
  const news = root.querySelector("[data-part=news]");
  if (!(field instanceof HTMLInputElement || field instanceof HTMLTextAreaElement) || !news) return;
  for (const button of root.querySelectorAll("button")) {
    const shares = button.dataset.part === "share";
    button.hidden = shares && !navigator.share;
    button.addEventListener("click", async () => {
      news.textContent = "";
      try {
        if (shares) await navigator.share(shareOf(root, field.value));
        else await copy(field);
        if (!shares) news.textContent = root.dataset.copied ?? "";
      } catch {
        // Nothing was copied, or the person changed their mind: the field is marked, to be copied by hand.
        field.select();
      }
    });
  }
}

/**
 * @param {HTMLElement} root
 * @param {string} text
 * @returns {ShareData}
 */
function shareOf(root, text) {
  return root.dataset.share === "url" ? { title: document.title, url: text } : { text };
}

/**
 * A button that copies the text of the element that it names.
 * @param {HTMLElement} button
 */
function enableCopying(button) {
  const text = document.getElementById(button.dataset.copies ?? "");
  const news = button.parentElement?.querySelector("[data-part=copied]");
  if (!text || !news) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    news.textContent = "";
    const field = document.body.appendChild(document.createElement("textarea"));
    field.value = text.textContent ?? "";
    try {
      await copy(field);
      news.textContent = button.dataset.copied ?? "";
    } catch {
      getSelection()?.selectAllChildren(text);
    }
    field.remove();
    button.focus({ preventScroll: true });
  });
}

/** Parts of the page that come later are made live too, and none twice. */
function enableAll() {
  for (const root of document.querySelectorAll("[data-share], [data-copies]")) {
    if (!(root instanceof HTMLElement) || root.dataset.live !== undefined) continue;
    root.dataset.live = "";
    if (root.dataset.copies === undefined) enable(root);
    else enableCopying(root);
  }
}

enableAll();
document.addEventListener("htmx:after:swap", enableAll);
