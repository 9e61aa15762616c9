/** Writing without spaces between words: there every character counts as a word of its own. */
const SPACELESS =
  "\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}";
const WORD = new RegExp(`[${SPACELESS}]\\p{M}*|(?:(?![${SPACELESS}])[\\p{L}\\p{M}\\p{N}])+`, "gu");
const LONG_WORD = new RegExp(`[${SPACELESS}]\\p{M}*|(?:(?![${SPACELESS}])[\\p{L}\\p{M}\\p{N}_]){2,}`, "gu");

const normal = (text: string): string => text.normalize("NFC").toLowerCase();

/**
 * Words of a text in lower case: runs of letters, marks and digits of any script. On ASCII the same as rouge_score's
 * tokens without stemming.
 */
export function words(text: string): string[] {
  return normal(text).match(WORD) ?? [];
}

/** Words of two or more characters, `_` counted among them: scikit-learn's default, extended to marks and spaceless writing. */
export function longWords(text: string): string[] {
  return normal(text).match(LONG_WORD) ?? [];
}
