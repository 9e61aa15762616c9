import type { TextTokenizer } from "./base-model";
import { CharsMap } from "./chars-map";
import { mergePieces } from "./piece-merge";
import { bestPieces } from "./piece-path";
import { characterLength, PieceTrie } from "./piece-trie";
import { byteOf, PIECE, type Pieces } from "./pieces";

/** U+2581 stands for the space within pieces. */
const SPACE = Buffer.from("\u2581");
const BLANK = 0x20;

/** A SentencePiece tokenizer that gives the ids of the reference implementation. @param file For messages. */
export function createPieceTokenizer(tokenizer: Pieces, file: string): TextTokenizer {
  const { pieces, algorithm, bos, endOfText } = tokenizer;
  const unknown = pieces.findIndex(({ kind }) => kind === PIECE.unknown);
  const trie = new PieceTrie();
  const frozen = new PieceTrie();
  const bytes = new Map<number, number>();
  pieces.forEach(({ text, kind }, id) => {
    if (kind === PIECE.normal || kind === PIECE.userDefined || kind === PIECE.unused) {
      trie.add(Buffer.from(text), id);
    }
    if (kind === PIECE.userDefined) frozen.add(Buffer.from(text), id);
    const byte = kind === PIECE.byte ? byteOf(text) : null;
    if (byte !== null) bytes.set(byte, id);
  });
  const normalize = normalizer(tokenizer, frozen, file);
  const cut = algorithm === "bpe" ? mergePieces(pieces, trie, frozen) : bestPieces(pieces, trie, unknown);
  return {
    bos,
    endOfText,
    vocabularySize: pieces.length,
    encode(text) {
      const normal = normalize(Buffer.from(text));
      const ids: number[] = [];
      let lastUnknown = false;
      for (const { start, end, id } of cut(normal)) {
        const isUnknown = id === null || id === unknown;
        if (!isUnknown) ids.push(id);
        else if (tokenizer.byteFallback) {
          for (let i = start; i < end; ++i) ids.push(bytes.get(normal[i]!)!);
        } else if (!lastUnknown) ids.push(unknown);
        lastUnknown = isUnknown;
      }
      return ids;
    },
    decode: (ids) => decode(tokenizer, ids),
  };
}

/** UTF-8 of a text to that of what is cut into pieces. */
function normalizer(tokenizer: Pieces, frozen: PieceTrie, file: string): (text: Uint8Array) => Uint8Array {
  const { charsMap, addDummyPrefix, removeExtraWhitespaces } = tokenizer;
  const map = charsMap === null || charsMap.length === 0 ? null : new CharsMap(charsMap, file);
  const prefix = (text: Uint8Array, start: number) => {
    const length = frozen.longest(text, start);
    if (length > 0) return { bytes: text.subarray(start, start + length), length };
    const replaced = map?.longest(text, start);
    if (replaced !== null && replaced !== undefined) return replaced;
    const one = characterLength(text[start]!);
    return { bytes: text.subarray(start, start + one), length: one };
  };
  return (text) => {
    const normal: number[] = [];
    let afterSpace = removeExtraWhitespaces;
    let from = 0;
    while (removeExtraWhitespaces && from < text.length) {
      const { bytes, length } = prefix(text, from);
      if (bytes.length !== 1 || bytes[0] !== BLANK) break;
      from += length;
    }
    if (from === text.length) return new Uint8Array();
    if (addDummyPrefix) normal.push(...SPACE);
    while (from < text.length) {
      const { bytes, length } = prefix(text, from);
      from += length;
      let i = 0;
      while (afterSpace && bytes[i] === BLANK) ++i;
      if (i < bytes.length) afterSpace = removeExtraWhitespaces && bytes.at(-1) === BLANK;
      for (; i < bytes.length; ++i) {
        if (bytes[i] === BLANK) normal.push(...SPACE);
        else normal.push(bytes[i]!);
      }
    }
    while (removeExtraWhitespaces && SPACE.every((byte, i) => normal.at(i - SPACE.length) === byte)) {
      normal.length -= SPACE.length;
    }
    return Uint8Array.from(normal);
  };
}

function decode({ pieces, addDummyPrefix, removeExtraWhitespaces }: Pieces, ids: readonly number[]): string {
  const parts: Buffer[] = [];
  let first = true;
  for (const id of ids) {
    const piece = pieces[id];
    if (piece === undefined) continue;
    const byte = piece.kind === PIECE.byte ? byteOf(piece.text) : null;
    if (byte !== null) parts.push(Buffer.of(byte));
    else if (piece.kind === PIECE.control) parts.push(Buffer.from(piece.text));
    else if (piece.kind === PIECE.unknown) parts.push(Buffer.from(" \u2047 "));
    else {
      const text = piece.text.replaceAll("\u2581", " ");
      // The space that was put in front.
      parts.push(
        Buffer.from(first && (addDummyPrefix || removeExtraWhitespaces) ? text.replace(/^ /, "") : text),
      );
    }
    // Where runs of spaces are one, all of them at the beginning go.
    if (piece.kind !== PIECE.control) first &&= removeExtraWhitespaces && parts.at(-1)!.length === 0;
  }
  return Buffer.concat(parts).toString("utf8");
}
