// @ts-check

/**
 * Why an archive cannot be read. The codes are stable: those that `directory.archive` knows, too, have
 * the same name there. The page has one sentence for each, in `<template data-message="<code>">`.
 */
export const CODES = Object.freeze(
  /** @type {const} */ ([
    "nothing-chosen", // no file at all
    "file-empty", // 0 bytes
    "unreadable", // moved, changed or taken away while it was read
    "not-a-zip", // neither a ZIP nor one of the archive's .js files
    "not-a-zip-packed", // tar, rar, 7z, gzip: packed, but not as X does
    "not-a-zip-page", // a web page, saved under the name of an archive
    "zip-truncated", // it begins as a ZIP and has no end
    "zip-broken", // its directory or its data contradict themselves
    "zip-split", // one volume of several
    "zip-encrypted", // a file we need asks for a password
    "zip-method", // compressed in a way that browsers cannot undo
    "zip-nested", // a ZIP with a ZIP in it
    "zip-too-many-files",
    "zip-bomb", // unpacks to far more than its size can mean
    "too-large",
    "unsafe-path", // a name in it would climb out of the folder unpacked to
    "csv-era", // an archive from before 2019
    "no-follow-list", // none of the files with people in it
    "look-alike", // requests to follow, and the like, instead of a list
    "several-archives", // more than one archive's files
    "same-file-twice", // one list twice, with different people
    "two-accounts", // archives of two people
    "utf-16", // saved again by a program, in another encoding
    "wrong-prefix", // what stands before `=` is not what this file begins with
    "no-assignment", // no `=`
    "not-json",
    "wrong-shape", // JSON, but not the list that the name says
    "row-too-long",
    "numbers-for-strings", // an account number that is not quoted: its last digits may be lost
    "bad-id", // 30 digits, letters, …
    "too-many-rows",
    "reader-failed", // a fault of ours
  ]),
);

/** What the page says beside a result that can be used. */
export const NOTICES = Object.freeze(
  /** @type {const} */ ([
    "not-everybody", // more people than are asked for at once; those whom they follow came first
    "nobody", // every list is empty: nothing to look up
    "zero-follows", // this person follows nobody, but other lists hold people
    "following-missing", // there is no following.js, but other lists are there
    "refused-missing", // there is no block.js or no mute.js: whoever stands there is chosen like everybody
    "parts-missing", // the manifest counts more people than the files hold
    "partial-archive", // X says that this is one part of an archive
    "rows-unread", // rows that were left out
    "about-unread", // account.js or manifest.js is there and cannot be understood
    "left-out", // files that were given and not read
    "names-missing", // no tweets.js: people are looked up by number alone
    "names-unread", // tweets.js is there and cannot be understood
  ]),
);

/** @typedef {typeof CODES[number]} Code */
/** @typedef {typeof NOTICES[number]} Notice */

/** An archive cannot be read; `file` is the name of the file that is wrong, or "". */
export class ArchiveError extends Error {
  /**
   * @param {Code} code
   * @param {string} [file]
   * @param {unknown} [cause]
   */
  constructor(code, file = "", cause = undefined) {
    super(file ? `${code}: ${file}` : code, { cause });
    this.name = "ArchiveError";
    this.code = code;
    this.file = file;
  }
}

/**
 * Everything that was thrown, as an ArchiveError.
 * @param {unknown} thrown
 * @param {string} [file]
 * @returns {ArchiveError}
 */
export function asArchiveError(thrown, file = "") {
  if (thrown instanceof ArchiveError) return thrown;
  // What a browser says of a File that was moved, changed or locked since it was chosen.
  const name = thrown instanceof Error || thrown instanceof DOMException ? thrown.name : "";
  const lost = name === "NotReadableError" || name === "NotFoundError" || name === "SecurityError";
  return new ArchiveError(lost ? "unreadable" : "reader-failed", file, thrown);
}
