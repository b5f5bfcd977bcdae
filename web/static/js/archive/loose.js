// @ts-check
import { ArchiveError, asArchiveError } from "./errors.js";
import { chooseArchive, isCsvEra, isLookAlike, recognise } from "./names.js";

/**
 * @typedef {import("./zip.js").Source} Source
 * @typedef {{ path: string, file: File }} Chosen - what a person chose; `path` starts at the chosen folder
 */

/**
 * The files of an archive among loose ones, in reading order. Throws ArchiveError.
 * @param {readonly Chosen[]} chosen
 * @returns {Source[]}
 */
export function openLoose(chosen) {
  if (chosen.length === 0) throw new ArchiveError("nothing-chosen");
  const known = chosen.flatMap(({ path, file }) => {
    const found = recognise(path);
    return found ? [{ ...found, size: file.size, pipeTo: pipe(file, found.name) }] : [];
  });
  if (known.length === 0) {
    if (chosen.some(({ path }) => isCsvEra(path))) throw new ArchiveError("csv-era");
    const alike = chosen.find(({ path }) => isLookAlike(path));
    if (alike) throw new ArchiveError("look-alike", alike.file.name);
  }
  return chooseArchive(known);
}

/**
 * @param {File} file
 * @param {string} name
 */
function pipe(file, name) {
  return async (/** @type {WritableStream<Uint8Array>} */ sink) => {
    try {
      await file.stream().pipeTo(sink);
    } catch (error) {
      throw asArchiveError(error, name);
    }
  };
}
