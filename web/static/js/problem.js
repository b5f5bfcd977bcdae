// @ts-check

/** Characters of a sentence of the server's that are shown. */
const MAX_SENTENCE_CHARS = 500;

/**
 * What a problem document (RFC 9457) says to people, in the language of the page; empty where it is none.
 * @param {string | null} mediaType
 * @param {string} text - the body of the answer
 */
export function sentenceOf(mediaType, text) {
  if (!(mediaType ?? "").toLowerCase().startsWith("application/problem+json")) return "";
  try {
    const { detail } = JSON.parse(text);
    return typeof detail === "string" ? detail.slice(0, MAX_SENTENCE_CHARS) : "";
  } catch {
    return "";
  }
}
