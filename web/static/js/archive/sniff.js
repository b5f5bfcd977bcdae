// @ts-check
import { ArchiveError } from "./errors.js";

/** Bytes of a file's beginning that `checkIsZip` wants to see. */
export const SNIFFED_BYTES = 512;

const PACKED = [
  [0, "Rar!"],
  [0, "7z\xbc\xaf\x27\x1c"],
  [0, "\x1f\x8b"],
  [0, "BZh"],
  [0, "\xfd7zXZ"],
  [0, "\x28\xb5\x2f\xfd"],
  [257, "ustar"],
];
const PAGE = /^\s*(?:<!doctype\s+html|<html|<head|<\?xml|<!--)/i;

/**
 * Throws the ArchiveError that says what a file is, if it is not a ZIP by its first bytes.
 * @param {Uint8Array} head - at most SNIFFED_BYTES
 * @param {string} name
 */
export function checkIsZip(head, name) {
  if (head.length === 0) throw new ArchiveError("file-empty", name);
  const text = Array.from(head, (byte) => String.fromCharCode(byte)).join("");
  if (/^PK(?:\x03\x04|\x05\x06|\x07\x08)/.test(text)) return;
  if (PACKED.some(([at, magic]) => text.startsWith(String(magic), Number(at)))) {
    throw new ArchiveError("not-a-zip-packed", name);
  }
  if (PAGE.test(text.replace(/^\xef\xbb\xbf/, ""))) throw new ArchiveError("not-a-zip-page", name);
  throw new ArchiveError("not-a-zip", name);
}
