/** How files begin that other programs have packed, in hexadecimal. Text in any encoding begins like none of them. */
const PACKERS = {
  gzip: /^1f8b/,
  Zstandard: /^28b52ffd/,
  xz: /^fd377a585a00/,
  // "BZh" and a digit may begin a text; a block's number behind them, or the number of the end, does not.
  bzip2: /^425a683[1-9](314159265359|177245385090)/,
  "7-Zip": /^377abcaf271c/,
} as const;

/** The program that packed a file, by its first bytes; null where none is known by them. */
export function packerOf(start: Buffer): string | null {
  const hex = start.subarray(0, 10).toString("hex");
  return Object.entries(PACKERS).find(([, begin]) => begin.test(hex))?.[0] ?? null;
}
