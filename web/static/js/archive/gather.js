// @ts-check
import { asArchiveError } from "./errors.js";
import { isCsvEra, isLookAlike, isZipName, recognise } from "./names.js";

/**
 * What a person chose or dropped, as files with paths. Of a folder only what the reader may open is
 * gathered: that of an archive holds every picture, too.
 *
 * @typedef {import("./open.js").Chosen} Chosen
 */

/** How far below a dropped folder files are looked for: `folder/unpacked/twitter-…/data/following.js`. */
const MAX_FOLDER_DEPTH = 4;

/**
 * @param {Iterable<File>} files - of a file input, or of a folder input
 * @returns {Chosen[]}
 */
export function gatherFiles(files) {
  return filesOf(Array.from(files, (file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/**
 * All that was chosen by itself, and of folders what the reader may open.
 * @param {Chosen[]} chosen
 */
export function filesOf(chosen) {
  return chosen.filter(({ path }) => !path.includes("/") || isWanted(path));
}

/**
 * Throws ArchiveError where a file or folder cannot be opened any more.
 * @param {DataTransfer} transfer - to be called while the drop event runs
 * @returns {Promise<Chosen[]>}
 */
export async function gatherDropped(transfer) {
  const entries = Array.from(transfer.items, (item) =>
    item.kind === "file" ? item.webkitGetAsEntry() : null,
  );
  if (!entries.some((entry) => entry?.isDirectory)) return gatherFiles(transfer.files);
  const gathered = [];
  for (const entry of entries) if (entry) gathered.push(...(await gatherEntry(entry, entry.name, 0)));
  return gathered;
}

/**
 * @param {FileSystemEntry} entry
 * @param {string} path
 * @param {number} depth
 * @returns {Promise<Chosen[]>}
 */
async function gatherEntry(entry, path, depth) {
  if (entry.isFile) {
    if (depth > 0 && !isWanted(path)) return [];
    /** @type {File} */
    const file = await opened(entry, (resolve, reject) =>
      /** @type {FileSystemFileEntry} */ (entry).file(resolve, reject),
    );
    return [{ path, file }];
  }
  // Folders of pictures can hold a hundred thousand files, and none that we open.
  if (depth === MAX_FOLDER_DEPTH || /_media$/.test(entry.name)) return [];
  const gathered = [];
  for await (const child of children(/** @type {FileSystemDirectoryEntry} */ (entry))) {
    gathered.push(...(await gatherEntry(child, `${path}/${child.name}`, depth + 1)));
  }
  return gathered;
}

/** @param {FileSystemDirectoryEntry} folder */
async function* children(folder) {
  const reader = folder.createReader();
  for (;;) {
    /** @type {FileSystemEntry[]} */
    const some = await opened(folder, (resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return;
    yield* some;
  }
}

/**
 * What comes of opening an entry. Throws ArchiveError, which names it.
 * @template T
 * @param {FileSystemEntry} entry
 * @param {(resolve: (found: T) => void, reject: (error: unknown) => void) => void} open
 * @returns {Promise<T>}
 */
async function opened(entry, open) {
  try {
    return await new Promise(open);
  } catch (error) {
    throw asArchiveError(error, entry.name);
  }
}

/** @param {string} path */
function isWanted(path) {
  return recognise(path) !== null || isCsvEra(path) || isLookAlike(path) || isZipName(path);
}
