/** A SentencePiece tokenizer in plain words, whichever form of model it came from. */
import { damaged, mismatch, shown } from "./problem";
import { counted, grouped, say } from "../say";

/** Kinds of pieces, by the numbers that SentencePiece and GGUF give them. */
export const PIECE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

export interface Piece {
  readonly text: string;
  readonly score: number;
  /** A value of PIECE. */
  readonly kind: number;
}

export interface Pieces {
  readonly algorithm: "bpe" | "unigram";
  /** By id. */
  readonly pieces: readonly Piece[];
  /** Characters that have no piece become the pieces of their bytes. */
  readonly byteFallback: boolean;
  /** SentencePiece's table of replacements as its files hold it, or null where texts stay as they are. */
  readonly charsMap: Uint8Array | null;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  readonly bos: number | null;
  readonly endOfText: number;
}

const BYTE = /^<0x([0-9A-F]{2})>$/;

/** The byte that a piece of that kind stands for, or null. */
export function byteOf(text: string): number | null {
  const digits = BYTE.exec(text)?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 16);
}

/**
 * Pieces are unique, one of them is for the unknown, and with byte fallback there is one for each byte.
 * @param rows Rows of the embedding matrix.
 * @throws PlumbError naming the piece.
 */
export function checkPieces(tokenizer: Pieces, rows: number, file: string): void {
  const { pieces, byteFallback, bos, endOfText } = tokenizer;
  if (pieces.length > rows || pieces.length < rows * 0.9) {
    throw mismatch(
      file,
      say`the tokenizer has ${counted(pieces.length, "token", "tokens")}, the model ${grouped(rows)}. The tokenizer belongs to another model: get the model again, with its own.`,
    );
  }
  const owners = new Map<string, number>();
  const bytes = new Set<number>();
  const unknown: number[] = [];
  pieces.forEach(({ text, score, kind }, id) => {
    const before = owners.get(text);
    if (before !== undefined)
      throw damaged(file, say`the tokens ${before} and ${id} are both ${shown(text)}`);
    owners.set(text, id);
    if (text === "") throw damaged(file, say`token ${id} is empty`);
    if (!Number.isFinite(score))
      throw damaged(file, say`token ${id}, ${shown(text)}, has the score ${score}`);
    if (!(kind >= PIECE.normal && kind <= PIECE.byte)) {
      throw damaged(file, say`token ${id}, ${shown(text)}, is of the kind ${kind}, which is not known`);
    }
    if (kind === PIECE.unknown) unknown.push(id);
    if (kind !== PIECE.byte) return;
    const byte = byteOf(text);
    if (byte === null)
      throw damaged(file, say`token ${id}, ${shown(text)}, is called a byte, but names none`);
    bytes.add(byte);
  });
  if (unknown.length !== 1) {
    throw damaged(
      file,
      say`${counted(unknown.length, "token stands", "tokens stand")} for what is unknown, expected one`,
    );
  }
  if (byteFallback && bytes.size !== 256) {
    throw damaged(file, say`${bytes.size} of the 256 bytes have a token, and texts may need all`);
  }
  for (const [name, id] of [
    ["beginning", bos],
    ["end", endOfText],
  ] as const) {
    if (id !== null && pieces[id] === undefined)
      throw damaged(file, say`the ${name} token ${id} is no token`);
  }
}
