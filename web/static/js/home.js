// @ts-check
/** All that the first page needs. */
import "./part-errors.js";
import "./keep-place.js";
import "./counts.js";
import "./archive/drop.js";
