// @ts-check

/** Characters that are shown of a sentence from the server. */
const MAX_SENTENCE_CHARS = 500;

/**
 * The sentence of a problem document (RFC 9457) for people, in the language of the page; empty where there is none.
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
