import type { Batch } from "../engine";
import type { TextTokenizer } from "../model";
import { seededRandom, shuffled } from "../random";
import type { Task } from "../schema";
import { BatchBuilder, packByRows } from "../tuning/batch";
import {
  buildLayout,
  encodeText,
  instructionTokens,
  labelWords,
  type EncodedAnswer,
  type Layout,
} from "../tuning/layout";
import { fillWording, type Wording } from "./wordings";

/** A text in one wording with its answer, in tokens. */
export interface Drawn {
  /** Wording and text. */
  readonly front: readonly number[];
  /** What is to be answered behind it: one answer, or for a multi-label task one for each label. */
  readonly answers: readonly {
    /** What stands between the text and this answer: a label's name and a colon, or nothing. */
    readonly question: readonly number[];
    /** Tokens that should follow, the end mark included. */
    readonly expected: readonly number[];
  }[];
}

/** Fewer tokens than this are too few for a text. */
const LEAST_TEXT = 48;

/** Puts the examples of one task into words and tokens. */
export class TaskEncoder {
  /** The task in its own wording, as `plumb tune` asks an untuned model: what looks at the held-out part use. */
  readonly layout: Layout;
  /** Wordings besides the task's own that leave room for a text. */
  private readonly wordings: readonly Wording[];
  private readonly words: readonly (readonly number[])[];
  /** Most tokens that can stand behind a text. */
  private readonly answerRoom: number;
  private readonly colon: readonly number[];
  private readonly yesNo: readonly [readonly number[], readonly number[]];

  /** @throws PlumbError where the task's own wording leaves no room for a text. */
  constructor(
    private readonly task: Task,
    private readonly tokenizer: TextTokenizer,
    private readonly options: { readonly maxTokens: number; readonly answerRoom: number },
    wordings: readonly Wording[],
  ) {
    this.layout = buildLayout(task, tokenizer, {
      promptLength: 0,
      frozenPrompt: this.instruction(task),
      maxTokens: options.maxTokens,
      answerRoom: options.answerRoom,
    });
    this.words = labelWords(task).map((word) => tokenizer.encode(` ${word}`));
    this.yesNo = [tokenizer.encode(" yes"), tokenizer.encode(" no")];
    this.colon = tokenizer.encode(":");
    const most = (lists: readonly (readonly number[])[]) => Math.max(0, ...lists.map(({ length }) => length));
    const written = {
      single: most(this.words),
      multi: most(this.words) + this.colon.length + most(this.yesNo),
      generation: this.layout.answerRoom,
    };
    this.answerRoom = written[task.kind] + 1;
    this.wordings = wordings.filter((wording) => {
      const { prefix, after } = this.filled(wording, labelWords(task));
      return this.room(prefix, after) >= LEAST_TEXT;
    });
  }

  /** How many wordings there are, the task's own included. */
  get count(): number {
    return 1 + this.wordings.length;
  }

  /** @param wording 0: the task's own. @param seed Decides the order in which labels are listed. */
  encode(text: string, answer: EncodedAnswer, wording: number, seed: number): Drawn {
    const { prefix, after } = this.around(wording, seed);
    const room = this.room(prefix, after);
    const { tokens } = encodeText({ ...this.layout, after, textRoom: room }, this.tokenizer, text);
    return { front: [...prefix, ...tokens], answers: this.answers(answer) };
  }

  private around(wording: number, seed: number): { prefix: readonly number[]; after: readonly number[] } {
    const labels = shuffled(this.task.labels ?? [], seededRandom(seed));
    const task = { ...this.task, labels };
    const other = this.wordings[wording - 1];
    if (other !== undefined) return this.filled(other, labelWords(task));
    const before = this.tokenizer.encode(this.task.template?.before ?? "");
    return { prefix: [...this.first(), ...this.instruction(task), ...before], after: this.layout.after };
  }

  private filled({ before, after }: Wording, labels: readonly string[]) {
    return {
      prefix: [...this.first(), ...this.tokenizer.encode(fillWording(before, this.task, labels))],
      after: this.tokenizer.encode(fillWording(after, this.task, labels)),
    };
  }

  private first(): number[] {
    return this.tokenizer.bos === null ? [] : [this.tokenizer.bos];
  }

  private instruction(task: Task): number[] {
    return instructionTokens(task, this.tokenizer).slice(0, Math.floor(this.options.maxTokens / 2));
  }

  private room(prefix: readonly number[], after: readonly number[]): number {
    return this.options.maxTokens - prefix.length - after.length - this.answerRoom;
  }

  private answers(answer: EncodedAnswer): Drawn["answers"] {
    const { endOfText } = this.layout;
    if (answer.kind === "single")
      return [{ question: [], expected: [...(this.words[answer.label] ?? []), endOfText] }];
    if (answer.kind === "generation")
      return [{ question: [], expected: answer.cut ? answer.tokens : [...answer.tokens, endOfText] }];
    return answer.applies.map((applies, label) => ({
      question: [...(this.words[label] ?? []), ...this.colon],
      expected: this.yesNo[applies ? 0 : 1],
    }));
  }
}

/** Rows of a batch that an example takes: the last token of an answer is expected, not read. */
export function rowsOf({ front, answers }: Drawn): number {
  return answers.reduce(
    (sum, { question, expected }) => sum + question.length + expected.length - 1,
    front.length,
  );
}

/** Rows with a loss. */
export const targetsOf = ({ answers }: Drawn) =>
  answers.reduce((sum, { expected }) => sum + expected.length, 0);

/** Micro-batches of a step. Every example weighs the same in the step's loss, whatever the length of its answers. */
export function drawnBatches(drawn: readonly Drawn[], budget: number): Batch[] {
  return packByRows(drawn, rowsOf, budget).map((group) => {
    const builder = new BatchBuilder();
    for (const { front, answers } of group) {
      const { segment, first } = builder.segment(front, -1);
      const last = first + front.length - 1;
      for (const { question, expected } of answers) {
        const read = [...question, ...expected.slice(0, -1)];
        const at = builder.segment(read, segment).first;
        const weight = 1 / (drawn.length * answers.length * expected.length);
        expected.forEach((token, i) => {
          const behind = question.length + i - 1;
          builder.target(behind < 0 ? last : at + behind, token, weight);
        });
      }
    }
    return builder.build();
  });
}
