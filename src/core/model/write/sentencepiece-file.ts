import type { Pieces } from "../pieces";
import type { SpecialIds } from "./config-file";

/** tokenizer.model of a SentencePiece tokenizer, for programs that read no other form. Field numbers are those of its `ModelProto`. */
export function sentencePieceModel(words: Pieces, { bos, eos, pad }: SpecialIds): Uint8Array {
  const unknown = words.pieces.findIndex(({ kind }) => kind === 2);
  const pieces = words.pieces.map(({ text, score, kind }) =>
    message(1, [bytes(1, Buffer.from(text)), float(2, score), number(3, kind)]),
  );
  const trainer = message(2, [
    number(3, words.algorithm === "bpe" ? 2 : 1),
    number(4, words.pieces.length),
    number(35, Number(words.byteFallback)),
    number(40, unknown),
    number(41, bos ?? -1),
    number(42, eos),
    number(43, pad ?? -1),
  ]);
  const normalizer = message(3, [
    bytes(1, Buffer.from("identity")),
    bytes(2, Buffer.from(words.charsMap ?? [])),
    number(3, Number(words.addDummyPrefix)),
    number(4, Number(words.removeExtraWhitespaces)),
    number(5, 1),
  ]);
  return Buffer.concat([...pieces, trainer, normalizer]);
}

/** Seven bits a byte, lowest first; below 0 as 64 bits. */
function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
  return Buffer.from(out);
}

const number = (field: number, value: number) => Buffer.concat([varint(field << 3), varint(value)]);
const bytes = (field: number, value: Uint8Array) =>
  Buffer.concat([varint((field << 3) | 2), varint(value.length), value]);
const message = (field: number, parts: readonly Uint8Array[]) => bytes(field, Buffer.concat(parts));

function float(field: number, value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeFloatLE(value);
  return Buffer.concat([varint((field << 3) | 5), out]);
}
