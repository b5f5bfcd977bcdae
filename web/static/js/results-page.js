// @ts-check
import { forget, remember, rememberView, watch } from "./tab-list.js";

/** Remembers the list of a page that is all results: it came from a form, and a reload would have to send that again. */
const form = document.querySelector("#results-form");
const kept = document.querySelector("[data-tab-list]");

function leave() {
  forget();
  location.replace("/");
}

if (form instanceof HTMLFormElement && kept instanceof HTMLElement) {
  remember(String(new FormData(form).get("pairs") ?? ""));
  rememberView();
  watch(leave);
  kept.querySelector("button")?.addEventListener("click", leave);
  kept.hidden = false;
}
