// @ts-check

/** Bytes of a file's beginning that `kindOfFile` wants to see. */
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
const PAGE = /^[ \t\n\r\f\v]*(?:<!doctype[ \t\n\r\f\v]+html|<html|<head|<\?xml|<!--)/i;
const SPLIT = /\.(?:zip\.\d{3}|z\d\d)$/i;

/**
 * What a file is that has no end of a ZIP, by its first bytes and its name.
 * @param {Uint8Array} head - at most SNIFFED_BYTES
 * @param {string} name
 * @returns {import("./errors.js").Code}
 */
export function kindOfFile(head, name) {
  if (head.length === 0) return "file-empty";
  const text = Array.from(head, (byte) => String.fromCharCode(byte)).join("");
  if (SPLIT.test(name) || text.startsWith("PK\x07\x08")) return "zip-split";
  if (/^PK(?:\x03\x04|\x05\x06)/.test(text)) return "zip-truncated";
  if (PACKED.some(([at, magic]) => text.startsWith(String(magic), Number(at)))) return "not-a-zip-packed";
  return PAGE.test(text.replace(/^\xef\xbb\xbf/, "")) ? "not-a-zip-page" : "not-a-zip";
}
