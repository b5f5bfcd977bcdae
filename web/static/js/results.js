// @ts-check
/** All that a page of results needs. */
import "./part-errors.js";
import "./keep-place.js";
import "./results-page.js";
import "./counts.js";
