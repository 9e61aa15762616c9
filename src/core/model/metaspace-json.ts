import { unknownTokenizer, type Pairs } from "./byte-pairs";
import { isRecord, type JsonObject } from "./json";
import { SPACE, type MetaspacePairs, type NormalStep } from "./metaspace";
import { damaged, shown } from "./problem";
import { say } from "../say";

/**
 * What makes a tokenizer.json one of SentencePiece's kind, besides its pairs.
 * @throws PlumbError naming the field, where it is of a kind that is not known.
 */
export function readMetaspace(json: JsonObject, pairs: Pairs, file: string): MetaspacePairs {
  const model = isRecord(json.model) ? json.model : {};
  const normal = stepsOf(json.normalizer, "normalizer", file).map((step) => normalStepOf(step, file));
  return {
    ...pairs,
    byteFallback: model.byte_fallback === true,
    fuseUnknown: model.fuse_unk === true,
    normal,
    spaces: spacesOf(json.pre_tokenizer, normal, file),
    found: foundOf(json.added_tokens),
    stripsSpace: stripsSpaceOf(json.decoder, file),
  };
}

/** The steps of a component, one or a sequence. */
function stepsOf(value: unknown, field: string, file: string): JsonObject[] {
  if (value === null || value === undefined) return [];
  if (!isRecord(value)) throw damaged(file, say`"${field}" is no JSON object`);
  if (value.type !== "Sequence") return [value];
  const steps = value[`${field}s`] ?? value[`${field.replace("_", "")}s`];
  if (Array.isArray(steps) && steps.every(isRecord)) return steps;
  throw damaged(file, say`"${field}" is a sequence without its steps`);
}

const literalOf = (step: JsonObject) => (isRecord(step.pattern) ? step.pattern.String : undefined);

function normalStepOf(step: JsonObject, file: string): NormalStep {
  const from = literalOf(step);
  if (step.type === "Prepend" && typeof step.prepend === "string") {
    return { type: "prepend", text: step.prepend };
  }
  if (
    step.type === "Replace" &&
    typeof from === "string" &&
    from !== "" &&
    typeof step.content === "string"
  ) {
    return { type: "replace", from, to: step.content };
  }
  throw unknownTokenizer(file, say`the normalizer ${shown(step.type)}`);
}

function spacesOf(value: unknown, normal: readonly NormalStep[], file: string): MetaspacePairs["spaces"] {
  const [step, ...more] = stepsOf(value, "pre_tokenizer", file);
  if (step === undefined) return null;
  if (more.length > 0) throw unknownTokenizer(file, say`a sequence of pre-tokenizers`);
  // Gemma's cuts at spaces, of which its normalizer leaves none.
  const noSpaces = normal.some((known) => known.type === "replace" && known.from === " ");
  if (step.type === "Split" && noSpaces && literalOf(step) === " ") return null;
  if (step.type !== "Metaspace" || (step.replacement ?? SPACE) !== SPACE) {
    throw unknownTokenizer(file, say`the pre-tokenizer ${shown(step.type)}`);
  }
  const prefix = step.prepend_scheme ?? (step.add_prefix_space === false ? "never" : "always");
  if (prefix !== "always" && prefix !== "first" && prefix !== "never") {
    throw damaged(file, say`"pre_tokenizer.prepend_scheme" is ${shown(prefix)}`);
  }
  return { prefix, words: step.split !== false };
}

/** Fields of these were checked where the added tokens were read. */
function foundOf(value: unknown): MetaspacePairs["found"] {
  if (!Array.isArray(value)) return [];
  return value
    .filter(isRecord)
    .flatMap(({ id, content, special, normalized }) =>
      special === true || typeof id !== "number" || typeof content !== "string"
        ? []
        : [{ id, content, normalized: normalized !== false }],
    );
}

function stripsSpaceOf(value: unknown, file: string): boolean {
  let strips = false;
  for (const step of stepsOf(value, "decoder", file)) {
    if (step.type === "Metaspace")
      strips = step.prepend_scheme !== "never" && step.add_prefix_space !== false;
    else if (step.type === "Strip") {
      if (step.content !== " " || step.start !== 1 || step.stop !== 0) {
        throw unknownTokenizer(file, say`a "Strip" of other than one space in front`);
      }
      strips = true;
    } else if (step.type === "Replace") {
      if (literalOf(step) !== SPACE || step.content !== " ") {
        throw unknownTokenizer(file, say`a decoder that replaces ${shown(literalOf(step))}`);
      }
    } else if (step.type !== "ByteFallback" && step.type !== "Fuse") {
      throw unknownTokenizer(file, say`the decoder ${shown(step.type)}`);
    }
  }
  return strips;
}
