// @ts-check
import { ArchiveError } from "./errors.js";
import { MAX_OPENED_FILES } from "./limits.js";
import { KINDS, isData, isList } from "./names.js";

/**
 * @typedef {import("./names.js").Known & {
 *   source: string,
 *   size: number,
 *   chunks: () => AsyncIterable<Uint8Array>,
 *   fingerprint: () => Promise<string>,
 * }} Source - one file to read: `source` is the ZIP that it is in, "" for a loose one; `size` is in decompressed
 *   bytes, and never exceeded; two files with one fingerprint are the same
 * @typedef {{ files: Source[], leftOut: string[], conflict: ArchiveError | null }} Choice - `conflict` says why these
 *   files cannot be of one archive
 */

/**
 * Of all recognised files those to read, in reading order. Throws ArchiveError where they are too many.
 *
 * In each ZIP, and among the loose files, folders named `data` come before others. Lists of several places are read
 * together as long as none is there twice; the same file in two ZIPs, or in a ZIP and beside it, is read once.
 * @param {readonly Source[]} found
 * @returns {Promise<Choice>}
 */
export async function chooseFiles(found) {
  const withData = new Set(found.filter((file) => isList(file) && isData(file.folder)).map(({ source }) => source));
  const isTaken = (/** @type {Source} */ file) => !withData.has(file.source) || isData(file.folder);
  /** @type {Choice} */
  const choice = {
    files: [],
    leftOut: found.filter((file) => isList(file) && !isTaken(file)).map(({ name }) => name),
    conflict: null,
  };
  /** @type {Map<string, Source>} */
  const lists = new Map();
  for (const file of found.filter(isTaken)) {
    const key = `${file.kind}-${file.part}`;
    const first = isList(file) ? lists.get(key) : undefined;
    if (first === undefined) choice.files.push(file);
    else choice.conflict ??= await conflictOf(first, file);
    if (isList(file) && first === undefined) lists.set(key, file);
  }
  if (choice.files.length > MAX_OPENED_FILES) throw new ArchiveError("zip-too-many-files", choice.files[0].name);
  choice.files.sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || a.part - b.part);
  return choice;
}

/**
 * @param {Source} first
 * @param {Source} second
 */
async function conflictOf(first, second) {
  if (first.source === second.source) {
    return new ArchiveError(first.folder === second.folder ? "same-file-twice" : "several-archives", second.name);
  }
  const isSame = first.size === second.size && (await first.fingerprint()) === (await second.fingerprint());
  return isSame ? null : new ArchiveError("several-archives", second.name);
}
