// @ts-check
/** All that a page needs on which nothing but an archive is read. */
import "./archive/drop.js";
