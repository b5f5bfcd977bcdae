// @ts-check
import { forgetEverywhere } from "./tab-list.js";

/** Whoever signs out or leaves takes along what the tabs of this browser remember: the next person sees none of it. */
for (const form of document.querySelectorAll("form[data-forgets]")) form.addEventListener("submit", forgetEverywhere);
