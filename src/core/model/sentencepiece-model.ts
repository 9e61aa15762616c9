import { PIECE, type Piece, type Pieces } from "./pieces";
import { damaged, unsupported } from "./problem";
import { Protobuf } from "./protobuf";
import { say } from "../say";

const ALGORITHMS: ReadonlyMap<number, Pieces["algorithm"]> = new Map([
  [1, "unigram"],
  [2, "bpe"],
]);

/** What a tokenizer.model says; `bos` is the piece's id, whether or not the model puts it in front, or null. */
export function readSentencePieceModel(bytes: Uint8Array, file: string): Pieces {
  const model = new Protobuf(bytes, file, say`the model`);
  const trainer = model.message(2, "trainer_spec");
  const normalizer = model.message(3, "normalizer_spec");
  const algorithm = ALGORITHMS.get(trainer.int(3, 1));
  if (algorithm === undefined) {
    throw unsupported(
      file,
      say`its "model_type" is number ${trainer.int(3, 1)}, which is not supported; supported are unigram and BPE.`,
    );
  }
  if (trainer.int(24, 0) !== 0) {
    throw unsupported(file, say`"treat_whitespace_as_suffix" is set, which is not supported.`);
  }
  if (normalizer.int(5, 1) === 0)
    throw unsupported(file, say`"escape_whitespaces" is off, which is not supported.`);
  const pieces = model.messages(1, "piece").map((piece, id): Piece => {
    const text = piece.bytes(1);
    if (text === null) throw damaged(file, say`piece ${id} has no text`);
    return { text: piece.text(1), score: piece.float(2, 0), kind: piece.int(3, PIECE.normal) };
  });
  const bos = trainer.int(41, 1);
  return {
    algorithm,
    pieces,
    byteFallback: trainer.int(35, 0) !== 0,
    charsMap: normalizer.bytes(2),
    addDummyPrefix: normalizer.int(3, 1) !== 0,
    removeExtraWhitespaces: normalizer.int(4, 1) !== 0,
    bos: bos < 0 ? null : bos,
    endOfText: trainer.int(42, 2),
  };
}
