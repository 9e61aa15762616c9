/** The printable letters in which byte-level tokenizers write bytes, as GPT-2 chose them. */

/** ASCII and Latin-1 letters that can be seen stand for themselves. */
const isSeen = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);

/** The letter of each byte: the others have those from U+0100 on, in order. */
export const BYTE_LETTERS: readonly string[] = (() => {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(isSeen(byte) ? byte : next++));
})();

const BYTES: ReadonlyMap<string, number> = new Map(BYTE_LETTERS.map((letter, byte) => [letter, byte]));

export function byteLetters(bytes: Uint8Array): string {
  let letters = "";
  for (const byte of bytes) letters += BYTE_LETTERS[byte]!;
  return letters;
}

/** Bytes that a token stands for; one that holds other letters stands for itself. */
export function bytesOfLetters(token: string): Iterable<number> {
  const bytes = Array.from(token, (letter) => BYTES.get(letter));
  return bytes.includes(undefined) ? Buffer.from(token) : (bytes as number[]);
}
