// @ts-check
import { MAX_PATH_CHARS } from "./limits.js";

/**
 * The files of an X archive that are opened, by their names alone.
 * @typedef {"following" | "follower" | "block" | "mute"} List
 * @typedef {List | "account" | "manifest" | "tweets"} Kind
 * @typedef {{ kind: Kind, part: number, folder: string, name: string }} Known
 */

/** In the order in which they are read: whose archive it is, its lists, and names for the people on them. */
export const KINDS = Object.freeze(
  /** @type {readonly Kind[]} */ ([
    "account",
    "manifest",
    "following",
    "follower",
    "block",
    "mute",
    "tweets",
  ]),
);
export const LISTS = Object.freeze(
  /** @type {readonly List[]} */ (["following", "follower", "block", "mute"]),
);

/** What systems add to a name: a number of a second download or copy, and `.txt`. */
const NAME =
  /^(?:(following|follower|block|mute|tweets?)(?:-part(\d{1,6}))?|(account|manifest))(?: ?\(\d{1,3}\)| -? ?copy)?\.js(?:on)?(?:\.txt)?$/i;
const LOOK_ALIKE =
  /(?:^|\/)(?:(?:follower|following)-requests?|smartblock-following|lists-[a-z-]+)(?:-part\d+)?\.js$/i;
const CSV_ERA = /(?:^|\/)(?:tweets\.csv|data\/csv\/[^/]+|data\/js\/(?:tweets\/[^/]+|[a-z]+_[a-z]+\.js))$/i;
const ZIP = /\.zip(?:\.\d{3})?$/i;
const DATA = /(?:^|\/)data$/i;

/**
 * The file that a path inside an archive, or the name of a loose file, stands for; null for all that is not
 * opened: other names, folders inside `data`, what a Mac adds, and paths that climb.
 * @param {string} path
 * @returns {Known | null}
 */
export function recognise(path) {
  if (path.length > MAX_PATH_CHARS || /\0/.test(path) || leadsOutside(path)) return null;
  const segments = segmentsOf(path);
  const name = segments.pop() ?? "";
  const found = /[\\/]$/.test(path) ? null : NAME.exec(name);
  const folder = segments.join("/");
  const isInside = segments.some((segment) => DATA.test(segment)) && !isData(folder);
  if (!found || isInside || segments.some((segment) => /^__macosx$/i.test(segment))) return null;
  const kind = (found[3] ?? found[1]).toLowerCase().replace(/^tweet$/, "tweets");
  return { kind: /** @type {Kind} */ (kind), part: Number(found[2] ?? 0), folder, name };
}

/** @param {string} folder */
export function isData(folder) {
  return DATA.test(folder);
}

/**
 * Whether unpacking a path could write outside of the folder unpacked to.
 * @param {string} path
 */
export function leadsOutside(path) {
  return /^(?:[\\/]|[A-Za-z]:)/.test(path) || path.split(/[\\/]/).includes("..");
}

/** @param {string} path */
export function baseName(path) {
  return segmentsOf(path).pop() ?? path;
}

/**
 * @param {string} path
 * @returns {string[]} without the empty ones, and without those that mean "here"
 */
function segmentsOf(path) {
  return path.split(/[\\/]/).filter((segment) => segment !== "" && segment !== ".");
}

/**
 * Whether a path ends in the name of another file of an archive that could be taken for a list.
 * @param {string} path
 */
export function isLookAlike(path) {
  return path.length <= MAX_PATH_CHARS && LOOK_ALIKE.test(path);
}

/**
 * Whether a path belongs to an archive as X made them before 2019.
 * @param {string} path
 */
export function isCsvEra(path) {
  return path.length <= MAX_PATH_CHARS && CSV_ERA.test(path.replaceAll("\\", "/"));
}

/** @param {string} path */
export function isZipName(path) {
  return ZIP.test(path) && !/(?:^|[\\/])(?:__macosx[\\/]|\._)/i.test(path);
}

/** @param {Known} file */
export function isList(file) {
  return LISTS.some((list) => list === file.kind);
}
