const MARK = Buffer.from("\uFEFF");

/**
 * Whether a file holds only the beginning of a text that was saved as UTF-8, as where the disk was full. A file with another
 * content, or in another encoding, is none of this.
 * @param file Its bytes, with or without a byte order mark.
 */
export function isCutOff(file: Uint8Array, text: string): boolean {
  const whole = Buffer.from(text);
  const marked = MARK.equals(file.subarray(0, MARK.length));
  const found = marked ? file.subarray(MARK.length) : file;
  return found.length < whole.length && whole.subarray(0, found.length).equals(found);
}
