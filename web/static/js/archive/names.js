// @ts-check
import { ArchiveError } from "./errors.js";
import { MAX_OPENED_FILES, MAX_PATH_CHARS } from "./limits.js";

/**
 * The files of an X archive that are opened, by their names alone.
 * @typedef {"following" | "follower" | "block" | "mute"} List
 * @typedef {List | "account" | "manifest" | "tweets"} Kind
 * @typedef {{ kind: Kind, part: number, folder: string, name: string }} Known
 */

/** In the order in which they are read: names are kept only for people that a list has named before. */
export const KINDS = Object.freeze(
  /** @type {readonly Kind[]} */ ([
    "following",
    "follower",
    "block",
    "mute",
    "account",
    "manifest",
    "tweets",
  ]),
);
export const LISTS = Object.freeze(
  /** @type {readonly List[]} */ (["following", "follower", "block", "mute"]),
);

const NAME = /^(?:(following|follower|block|mute|tweets?)(?:-part(\d{1,5}))?|(account|manifest))\.js$/;
const LOOK_ALIKE =
  /(?:^|\/)(?:(?:follower|following)-requests?|smartblock-following|lists-[a-z-]+)(?:-part\d+)?\.js$/;
const CSV_ERA = /(?:^|\/)(?:tweets\.csv|data\/csv\/[^/]+|data\/js\/tweets\/[^/]+)$/;

/**
 * The file that a path inside an archive, or the name of a loose file, stands for; null for all that is not
 * opened, and for a path that climbs, or that starts at a root or a drive.
 * @param {string} path
 * @returns {Known | null}
 */
export function recognise(path) {
  if (path.length > MAX_PATH_CHARS || /[\\:\0]/.test(path)) return null;
  const segments = path.split("/");
  const name = segments.pop() ?? "";
  if (segments.some((segment) => segment === "" || segment === "." || segment === "..")) return null;
  const found = NAME.exec(name);
  if (!found) return null;
  const kind = /** @type {Kind} */ ((found[3] ?? found[1]).replace(/^tweet$/, "tweets"));
  return { kind, part: Number(found[2] ?? 0), folder: segments.join("/"), name };
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

/**
 * Of all recognised files, those of the one archive among them, in reading order. Throws ArchiveError.
 *
 * Folders named `data` come before others. Loose files, and files of a folder with another name, are
 * taken where there is no `data` folder.
 * @template {Known} T
 * @param {readonly T[]} files
 * @returns {T[]}
 */
export function chooseArchive(files) {
  const inData = files.filter((file) => /(?:^|\/)data$/.test(file.folder));
  const candidates = inData.length > 0 ? inData : files;
  const folders = new Set(candidates.filter(isList).map((file) => file.folder));
  if (folders.size === 0) throw new ArchiveError("no-follow-list");
  if (folders.size > 1) throw new ArchiveError("several-archives");
  const chosen = candidates.filter((file) => folders.has(file.folder));
  if (chosen.length > MAX_OPENED_FILES) throw new ArchiveError("zip-too-many-files");
  const keys = new Set(chosen.map((file) => `${file.kind}-${file.part}`));
  if (keys.size < chosen.length) throw new ArchiveError("several-archives");
  return chosen.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.part - b.part);
}

/** @param {Known} file */
function isList(file) {
  return LISTS.some((list) => list === file.kind);
}
