import type { Batch, Segments } from "../engine";
import type { Task, TaskKind, TuningSettings } from "../schema";
import type { TextTokenizer } from "../model";
import { PlumbError } from "../errors";
import { BatchBuilder } from "./batch";
import { buildLabelTree, labelLogProbabilities, type LabelTree } from "./labels";
import { counted, grouped, say } from "../say";

/** Stands where the middle of a long text was cut out. */
const CUT_MARK = " [...] ";
/** A text shorter than this is not worth judging; a layout that leaves less room is refused. */
const LEAST_TEXT = 16;
const DEFAULT_AFTER = "\nAnswer:";

/** Answer slots of a multi-label task. */
const YES_NO = ["yes", "no"] as const;

/** Everything that stands around a text, in tokens: `[BOS?] [vectors] [before] text [after] [vectors at the right] answer`. */
export interface Layout {
  readonly kind: TaskKind;
  readonly labels: readonly string[];
  /** Shared by all texts. A value below 0 is prompt vector -1 - value. */
  readonly prefix: readonly number[];
  readonly after: readonly number[];
  readonly mark: readonly number[];
  readonly endOfText: number;
  /** Most tokens of the text itself; longer ones lose their middle. */
  readonly textRoom: number;
  /** Most tokens of an answer, end mark not counted. */
  readonly answerRoom: number;
  /** `single`: the labels. `multi`: yes and no. Null for generation. */
  readonly tree: LabelTree | null;
  /** `multi` only: tokens of the question for each label. */
  readonly slots: readonly (readonly number[])[];
}

export interface LayoutOptions {
  /** Trainable vectors at the left. */
  readonly promptLength: number;
  /** Trainable vectors at the right of the text, before the answer. */
  readonly promptRight?: number;
  /** Tokens that stand at the left in place of vectors, where a method trains none. */
  readonly frozenPrompt?: readonly number[];
  /** Tokens of the longest path: prefix, text and answer. */
  readonly maxTokens: number;
  /** Generation only: most tokens of an answer. */
  readonly answerRoom?: number;
}

/** What the model reads and writes for each label: tokenised with its leading space, apart from the text. */
export function labelWords(task: Task): string[] {
  return (task.labels ?? []).map((label) => label.word ?? label.name);
}

/** @throws PlumbError where the label set cannot be told apart, or nothing is left for the text. */
export function buildLayout(task: Task, tokenizer: TextTokenizer, options: LayoutOptions): Layout {
  const names = (task.labels ?? []).map((label) => label.name);
  const words = labelWords(task).map((word) => tokenizer.encode(` ${word}`));
  const end = tokenizer.endOfText;
  let tree: LabelTree | null = null;
  let slots: number[][] = [];
  let answerRoom: number;
  if (task.kind === "single") {
    tree = buildLabelTree(words, end, names);
    answerRoom = Math.max(...names.map((_, label) => answerTokens(tree!, label).length));
  } else if (task.kind === "multi") {
    const colon = tokenizer.encode(":");
    const answers = YES_NO.map((word) => tokenizer.encode(` ${word}`));
    tree = buildLabelTree(answers, end, YES_NO);
    const stem = tree.branches[0]?.tokens ?? [];
    slots = words.map((word) => [...word, ...colon, ...stem]);
    answerRoom = Math.max(...slots.map((slot) => slot.length));
  } else {
    answerRoom = Math.min(options.answerRoom ?? 64, Math.floor(options.maxTokens / 2));
  }
  const prefix = [
    ...(tokenizer.bos === null ? [] : [tokenizer.bos]),
    ...(options.frozenPrompt ?? []),
    ...Array.from({ length: options.promptLength }, (_, i) => -1 - i),
    ...tokenizer.encode(task.template?.before ?? ""),
  ];
  const after = [
    ...tokenizer.encode(task.template?.after ?? DEFAULT_AFTER),
    ...Array.from({ length: options.promptRight ?? 0 }, (_, i) => -1 - options.promptLength - i),
  ];
  const textRoom = options.maxTokens - prefix.length - after.length - answerRoom;
  if (textRoom < LEAST_TEXT) {
    throw new PlumbError(
      "no-room",
      say`Prompt, template and answer take ${grouped(options.maxTokens - textRoom)} of ${counted(options.maxTokens, "token", "tokens")} and leave no room for a text. Shorten the template or the prompt, or take a base model with a longer context.`,
    );
  }
  return {
    kind: task.kind,
    labels: names,
    prefix,
    after,
    mark: tokenizer.encode(CUT_MARK),
    endOfText: end,
    textRoom,
    answerRoom,
    tree,
    slots,
  };
}

/** Tokens of a true label as far as they decide anything: up to its last branch. */
export function answerTokens(tree: LabelTree, label: number): number[] {
  return (tree.paths[label] ?? []).flatMap(({ branch }) => [...(tree.branches[branch]?.tokens ?? [])]);
}

/** A text in tokens, the template's end included; `cut` where its middle was left out. */
export interface EncodedText {
  readonly tokens: readonly number[];
  readonly cut: boolean;
}

/** Tokens that a text which is too long keeps of its beginning and of its end: two thirds and a third, with a mark between. */
export function sharesOfCut({ textRoom, mark }: Pick<Layout, "textRoom" | "mark">): {
  head: number;
  tail: number;
} {
  const kept = Math.max(0, textRoom - mark.length);
  const tail = Math.floor(kept / 3);
  return { head: kept - tail, tail };
}

export function encodeText(layout: Layout, tokenizer: TextTokenizer, text: string): EncodedText {
  const tokens = tokenizer.encode(text);
  if (tokens.length <= layout.textRoom) return { tokens: [...tokens, ...layout.after], cut: false };
  const { head, tail } = sharesOfCut(layout);
  const shortened = [...tokens.slice(0, head), ...layout.mark, ...tokens.slice(tokens.length - tail)];
  return { tokens: [...shortened.slice(0, layout.textRoom), ...layout.after], cut: true };
}

/** A true answer: a label's index, one flag for each label, or the target's tokens. */
export type EncodedAnswer =
  | { readonly kind: "single"; readonly label: number }
  | { readonly kind: "multi"; readonly applies: readonly boolean[] }
  | { readonly kind: "generation"; readonly tokens: readonly number[]; readonly cut: boolean };

/** @throws PlumbError where the answer is not one of the task's labels. */
export function encodeAnswer(
  layout: Layout,
  tokenizer: TextTokenizer,
  answer: string | readonly string[],
): EncodedAnswer {
  if (layout.kind === "generation") {
    const tokens = tokenizer.encode(` ${String(answer)}`);
    return {
      kind: "generation",
      tokens: tokens.slice(0, layout.answerRoom),
      cut: tokens.length > layout.answerRoom,
    };
  }
  const index = (label: string) => {
    const found = layout.labels.indexOf(label);
    if (found === -1) {
      throw new PlumbError(
        "label-unknown",
        say`Label "${label}" is not in the label set (${layout.labels.join(", ")}).`,
      );
    }
    return found;
  };
  if (layout.kind === "single") return { kind: "single", label: index(String(answer)) };
  const applies = layout.labels.map(() => false);
  for (const label of typeof answer === "string" ? [answer] : answer) applies[index(label)] = true;
  return { kind: "multi", applies };
}

/** One labelled text, ready for a batch. */
export interface Item {
  readonly id: string;
  readonly text: EncodedText;
  readonly answer: EncodedAnswer;
}

/** Rows that an example takes in a training batch, besides the shared prefix. */
export function trainingRows(layout: Layout, item: Item): number {
  const text = item.text.tokens.length;
  switch (item.answer.kind) {
    case "single":
      return text + answerTokens(layout.tree!, item.answer.label).length;
    case "multi":
      return text + layout.slots.reduce((sum, slot) => sum + slot.length, 0);
    case "generation":
      return text + item.answer.tokens.length;
  }
}

/** Rows that a text takes where every label is scored. */
export function scoringRows(layout: Layout, text: EncodedText): number {
  if (layout.kind === "single") {
    const branches = layout.tree!.branches;
    return text.tokens.length + branches.reduce((sum, branch) => sum + branch.tokens.length, 0);
  }
  return text.tokens.length + layout.slots.reduce((sum, slot) => sum + slot.length, 0);
}

/** Weight of an example in the loss, and of each label's two answers in a multi-label task. */
export interface ItemWeights {
  readonly example: number;
  /** `multi` only: factor where the label applies, for each label. */
  readonly positive?: readonly number[];
}

/**
 * One micro-batch to learn from: the prefix once, one segment for each text with its answer (`multi`: one more for each
 * label). Every example weighs `weights.example` in all, however long its answer.
 */
export function trainingBatch(
  layout: Layout,
  items: readonly Item[],
  weightsOf: (item: Item) => ItemWeights,
): Batch {
  const builder = new BatchBuilder();
  const prefix = builder.segment(layout.prefix, -1).segment;
  for (const item of items) {
    const { answer, text } = item;
    const weights = weightsOf(item);
    if (answer.kind === "single") {
      const tree = layout.tree!;
      const { first } = builder.segment([...text.tokens, ...answerTokens(tree, answer.label)], prefix);
      let row = first + text.tokens.length - 1;
      for (const { branch, candidate } of tree.paths[answer.label] ?? []) {
        const { tokens, candidates } = tree.branches[branch]!;
        row += tokens.length;
        builder.choice(row, candidates, candidate, weights.example);
      }
    } else if (answer.kind === "multi") {
      const { segment } = builder.segment(text.tokens, prefix);
      const candidates = layout.tree!.branches[0]?.candidates ?? [];
      layout.slots.forEach((slot, label) => {
        const { first } = builder.segment(slot, segment);
        const applies = answer.applies[label] ?? false;
        const weight =
          (weights.example * (applies ? (weights.positive?.[label] ?? 1) : 1)) / layout.slots.length;
        builder.choice(first + slot.length - 1, candidates, applies ? 0 : 1, weight);
      });
    } else {
      addTargets(builder, layout, item, prefix, weights.example);
    }
  }
  return builder.build();
}

/** The target's tokens and, where it was not cut, the end mark; their weights add up to `weight`. */
function addTargets(
  builder: BatchBuilder,
  layout: Layout,
  item: Item,
  prefix: number,
  weight: number,
): number[] {
  if (item.answer.kind !== "generation") return [];
  const { tokens, cut } = item.answer;
  const { first } = builder.segment([...item.text.tokens, ...tokens], prefix);
  const row = first + item.text.tokens.length - 1;
  const expected = cut ? tokens : [...tokens, layout.endOfText];
  return expected.map((token, i) => builder.target(row + i, token, weight / expected.length));
}

/** A batch that scores texts, and how to read the engine's answer. */
export interface ScoringBatch {
  readonly batch: Batch;
  /** For each text, where the candidates of each branch (`multi`: of each label) begin in `Scores.choices`. */
  readonly starts: readonly (readonly number[])[];
}

/** Every branch of the label tree (`multi`: every label's slot) once for each text. Not for generation. */
export function scoringBatch(layout: Layout, texts: readonly EncodedText[]): ScoringBatch {
  const builder = new BatchBuilder();
  const prefix = builder.segment(layout.prefix, -1).segment;
  const tree = layout.tree!;
  const starts = texts.map((text) => {
    if (layout.kind === "multi") {
      const { segment } = builder.segment(text.tokens, prefix);
      return layout.slots.map((slot) => {
        const { first } = builder.segment(slot, segment);
        const candidates = tree.branches[0]?.candidates ?? [];
        return builder.startOf(builder.choice(first + slot.length - 1, candidates, -1, 0));
      });
    }
    const segments: number[] = [];
    return tree.branches.map((branch) => {
      const tokens = branch.parent === -1 ? [...text.tokens, ...branch.tokens] : branch.tokens;
      const parent = branch.parent === -1 ? prefix : segments[branch.parent]!;
      const { segment, first } = builder.segment(tokens, parent);
      segments.push(segment);
      return builder.startOf(builder.choice(first + tokens.length - 1, branch.candidates, -1, 0));
    });
  });
  return { batch: builder.build(), starts };
}

/**
 * P(label | text) of every label for each text of the batch. `single`: they sum to 1. `multi`: each stands alone.
 * @param choices `Scores.choices` of the batch.
 */
export function readProbabilities(
  layout: Layout,
  scoring: ScoringBatch,
  choices: ArrayLike<number>,
): number[][] {
  return scoring.starts.map((starts) => {
    const at = (branch: number, candidate: number) => choices[starts[branch]! + candidate] ?? Number.NaN;
    if (layout.kind === "multi") return starts.map((_, label) => Math.exp(at(label, 0)));
    return labelLogProbabilities(layout.tree!, at).map(Math.exp);
  });
}

/** -log P(answer): of a label, or averaged over the labels of a multi-label task. Probabilities as from `readProbabilities`. */
export function answerLoss(answer: EncodedAnswer, probabilities: readonly number[]): number {
  const tiny = 1e-30;
  if (answer.kind === "single") return -Math.log(Math.max(tiny, probabilities[answer.label] ?? 0));
  if (answer.kind === "multi") {
    const sum = answer.applies.reduce((total, applies, label) => {
      const p = probabilities[label] ?? 0;
      return total - Math.log(Math.max(tiny, applies ? p : 1 - p));
    }, 0);
    return sum / answer.applies.length;
  }
  throw new PlumbError("kind", say`A generated answer has no label probabilities.`);
}

/** A batch that gives log P of the targets' tokens, and where each example's targets stand in `Scores.targets`. */
export function targetBatch(
  layout: Layout,
  items: readonly Item[],
): { batch: Batch; targets: readonly (readonly number[])[] } {
  const builder = new BatchBuilder();
  const prefix = builder.segment(layout.prefix, -1).segment;
  const targets = items.map((item) => addTargets(builder, layout, item, prefix, 1));
  return { batch: builder.build(), targets };
}

/** Segments whose continuation is the answer, and the leaf of each text. */
export function generationSegments(
  layout: Layout,
  texts: readonly EncodedText[],
): { segments: Segments; leaves: Int32Array } {
  const builder = new BatchBuilder();
  const prefix = builder.segment(layout.prefix, -1).segment;
  const leaves = texts.map((text) => builder.segment(text.tokens, prefix).segment);
  return { segments: builder.segments(), leaves: Int32Array.from(leaves) };
}

/**
 * Tokens whose embeddings the prompt vectors start from: the instruction (the task's name where it has none) and the
 * label words, or a chosen text; repeated or cut to `length`.
 */
export function promptTokens(
  task: Task,
  tokenizer: TextTokenizer,
  { promptLength: length, start }: Pick<TuningSettings, "promptLength" | "start">,
): number[] {
  const words = labelWords(task);
  const own = [task.instruction ?? task.name, words.join(", ")].filter((part) => part !== "").join(" ");
  const tokens = tokenizer.encode(start?.from === "text" ? start.text : own);
  if (tokens.length === 0)
    throw new PlumbError("instruction-empty", say`The task's instruction has no tokens.`);
  return Array.from({ length }, (_, i) => tokens[i % tokens.length]!);
}

/** Tokens of the whole instruction and label list, as the untuned base model reads them before the texts. */
export function instructionTokens(task: Task, tokenizer: TextTokenizer): number[] {
  const words = labelWords(task);
  const lines = [
    task.instruction ?? task.name,
    ...(words.length > 0 ? [`Labels: ${words.join(", ")}.`] : []),
  ];
  return tokenizer.encode(`${lines.join("\n")}\n`);
}
