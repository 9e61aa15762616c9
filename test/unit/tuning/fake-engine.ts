/**
 * An engine small enough to follow by hand: a softmax over hashed counts of the tokens that a row sees, with a bias
 * matrix and prompt vectors as parameters. Computes in a fixed order, so equal calls give equal bits.
 */
import type {
  Batch,
  Engine,
  GenerateOptions,
  Gpus,
  Model,
  ModelOptions,
  ModelTable,
  Parameter,
  Segments,
  Session,
  SessionOptions,
  SessionState,
  StepOptions,
} from "../../../src/core/engine";
import type { BaseModel, TextTokenizer } from "../../../src/core/model";
import { seededRandom } from "../../../src/core/random";

const HIDDEN = 8;
const BUCKETS = 64;
const CLASSES = 64;
const WORDS = [
  " good",
  " bad",
  " ugly",
  " very",
  " yes",
  " no",
  " happy",
  " sad",
  " angry",
  " text",
  " answer",
  "good",
  "bad",
  "ugly",
  "happy",
  "sad",
  "angry",
  "the",
  " the",
  " a",
  " of",
  "Answer",
  ":",
  "\n",
];
const VOCABULARY = 256 + WORDS.length + 2;

/** Bytes, and a few words as tokens of their own; the longest match wins. */
export const fakeTokenizer: TextTokenizer = {
  bos: null,
  endOfText: VOCABULARY - 1,
  vocabularySize: VOCABULARY,
  encode(text: string): number[] {
    const ids: number[] = [];
    for (let at = 0; at < text.length;) {
      const matches = WORDS.filter((word) => text.startsWith(word, at)).sort((a, b) => b.length - a.length);
      const word = matches[0];
      if (word === undefined) {
        const symbol = String.fromCodePoint(text.codePointAt(at)!);
        ids.push(...Buffer.from(symbol, "utf8"));
        at += symbol.length;
      } else {
        ids.push(256 + WORDS.indexOf(word));
        at += word.length;
      }
    }
    return ids;
  },
  decode(ids: readonly number[]): string {
    return ids.map((id) => (id < 256 ? String.fromCharCode(id) : (WORDS[id - 256] ?? ""))).join("");
  },
};

export const fakeTable: ModelTable = {
  files: ["fake.gguf"],
  tensors: [],
  config: {
    hiddenSize: HIDDEN,
    intermediateSize: 16,
    layerCount: 1,
    headCount: 2,
    kvHeadCount: 1,
    headSize: 4,
    vocabularySize: VOCABULARY,
    normEpsilon: 1e-5,
    ropeTheta: 10000,
    contextLength: 512,
    tiedHead: true,
  },
};

export function fakeBaseModel(change: Partial<BaseModel> = {}): BaseModel {
  return {
    name: "Fake 150M",
    path: "/models/fake.gguf",
    format: "gguf",
    family: "llama",
    table: fakeTable,
    tokenizer: fakeTokenizer,
    fingerprint: "f".repeat(64),
    parameterCount: 150e6,
    license: null,
    ...change,
  };
}

/** What a test may change about the engine, and what it may look at. */
export interface FakeBehaviour {
  /** Milliseconds of each accumulate. */
  delay?: number;
  /** Loss is not a number from this step on. */
  nanFrom?: number;
  /** Gradients are 0. */
  frozen?: boolean;
  /** Factor on what `forecast` says. */
  bytesPerRow?: number;
  /** What weights take that are kept converted. */
  keptBytes?: number;
  gpus?: Gpus;
  /** What opening a model on a GPU ends with; null where it opens. */
  gpuError?: (weights: ModelOptions["weights"]) => Error | null;
  /** What multiplies. */
  products?: string;
  opened?: number;
  closed?: number;
}

const embedding = (token: number) => {
  const random = seededRandom(token + 1);
  return Array.from({ length: HIDDEN }, () => random() - 0.5);
};
const EMBEDDINGS = Array.from({ length: VOCABULARY }, (_, token) => embedding(token));

class FakeSession implements Session {
  readonly parameters: readonly Parameter[];
  private readonly values: Float32Array;
  private readonly grad: Float32Array;
  private readonly m: Float32Array;
  private readonly v: Float32Array;
  private steps = 0;
  private readonly biasOffset: number;
  private readonly matrix: boolean;

  constructor(
    options: SessionOptions,
    private readonly behaviour: FakeBehaviour,
  ) {
    const { promptLength, promptRight = 0, promptEncoder = "none", biases, lora, full } = options.method;
    const parameters: Parameter[] = [];
    let size = 0;
    const add = (name: string, shape: number[], group: Parameter["group"]) => {
      parameters.push({ name, shape, offset: size, group });
      size += shape.reduce((product, extent) => product * extent, 1);
    };
    // An encoder is nothing but embeddings here, low-rank updates are a matrix like the biases.
    const vectors = promptLength + promptRight;
    if (promptEncoder !== "none") add("prompt_encoder.embedding.weight", [vectors, HIDDEN], "prompt");
    else if (promptLength > 0) add("prompt.left", [promptLength, HIDDEN], "prompt");
    if (promptEncoder === "none" && promptRight > 0) add("prompt.right", [promptRight, HIDDEN], "prompt");
    this.biasOffset = size;
    // One matrix for all biases, under the name of the first map that has one.
    const block = ["gate", "up", "down"].includes(biases[0] ?? "") ? "mlp" : "self_attn";
    if (biases.length > 0)
      add(`model.layers.0.${block}.${biases[0]!}_proj.bias`, [BUCKETS * CLASSES], "bias");
    if (lora !== undefined) add("model.layers.0.self_attn.q_proj.lora_B.weight", [BUCKETS * CLASSES], "lora");
    if (full === true) add("model.embed_tokens.weight", [BUCKETS * CLASSES], "full");
    this.matrix = biases.length > 0 || lora !== undefined || full === true;
    this.parameters = parameters;
    this.values = new Float32Array(size);
    this.grad = new Float32Array(size);
    this.m = new Float32Array(size);
    this.v = new Float32Array(size);
  }

  /** Tokens that a row sees, itself included. */
  private seen(segments: Segments): number[][] {
    const whole: number[][] = [];
    const rows: number[][] = [];
    let at = 0;
    segments.segmentLength.forEach((length, i) => {
      const parent = segments.segmentParent[i]!;
      if (parent >= i) throw new Error("a parent must come before its children");
      let path = parent === -1 ? [] : whole[parent]!;
      for (let k = 0; k < length; k++) {
        path = [...path, segments.tokens[at + k]!];
        rows.push(path);
      }
      whole[i] = path;
      at += length;
    });
    if (at !== segments.tokens.length) throw new Error("segment lengths do not add up to the tokens");
    return rows;
  }

  /** Features of a row: hashed counts of its tokens, and of its last token once more; how often each vector is seen. */
  private features(path: readonly number[]): { counts: number[]; prompts: number[] } {
    const counts = new Array<number>(BUCKETS).fill(0);
    const prompts: number[] = [];
    for (const token of path) {
      if (token < 0) prompts.push(-1 - token);
      else counts[token % BUCKETS] = counts[token % BUCKETS]! + 1;
    }
    const scale = 1 / Math.sqrt(path.length);
    return { counts: counts.map((count) => count * scale), prompts };
  }

  private logit(row: { counts: number[]; prompts: number[] }, token: number): number {
    let sum = 0;
    if (this.matrix) {
      row.counts.forEach((count, bucket) => {
        if (count !== 0) {
          sum += count * this.values[this.biasOffset + bucket * CLASSES + (token % CLASSES)]!;
        }
      });
    }
    for (const vector of row.prompts) {
      for (let k = 0; k < HIDDEN; k++) {
        sum += (this.values[vector * HIDDEN + k]! * EMBEDDINGS[token]![k]!) / row.prompts.length;
      }
    }
    return sum;
  }

  private logProbabilities(
    row: { counts: number[]; prompts: number[] },
    candidates: readonly number[],
  ): number[] {
    const logits = candidates.map((token) => this.logit(row, token));
    const most = Math.max(...logits);
    const norm = most + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0));
    return logits.map((logit) => logit - norm);
  }

  private addGradient(row: { counts: number[]; prompts: number[] }, token: number, slope: number): void {
    if (this.behaviour.frozen === true) return;
    if (this.matrix) {
      row.counts.forEach((count, bucket) => {
        if (count !== 0) {
          const at = this.biasOffset + bucket * CLASSES + (token % CLASSES);
          this.grad[at] = this.grad[at]! + slope * count;
        }
      });
    }
    for (const vector of row.prompts) {
      for (let k = 0; k < HIDDEN; k++) {
        const at = vector * HIDDEN + k;
        this.grad[at] = this.grad[at]! + (slope * EMBEDDINGS[token]![k]!) / row.prompts.length;
      }
    }
  }

  private visit(
    batch: Batch,
    each: (
      row: { counts: number[]; prompts: number[] },
      candidates: readonly number[],
      answer: number,
      weight: number,
      kind: "choice" | "target",
    ) => void,
  ): void {
    const rows = this.seen(batch);
    const path = (row: number) => this.features(rows[row]!);
    batch.choiceRow.forEach((row, i) => {
      const candidates = [...batch.candidates.slice(batch.choiceStart[i], batch.choiceStart[i + 1])];
      each(path(row), candidates, batch.choiceAnswer[i]!, batch.choiceWeight[i]!, "choice");
    });
    const all = Array.from({ length: VOCABULARY }, (_, token) => token);
    batch.targetRow.forEach((row, i) => {
      each(path(row), all, batch.targetToken[i]!, batch.targetWeight[i]!, "target");
    });
  }

  async accumulate(batch: Batch): Promise<{ loss: number }> {
    if (this.behaviour.delay !== undefined)
      await new Promise((done) => setTimeout(done, this.behaviour.delay));
    let loss = 0;
    this.visit(batch, (row, candidates, answer, weight) => {
      const logs = this.logProbabilities(row, candidates);
      loss -= weight * logs[answer]!;
      logs.forEach((log, i) => {
        this.addGradient(row, candidates[i]!, weight * (Math.exp(log) - (i === answer ? 1 : 0)));
      });
    });
    return { loss: this.steps >= (this.behaviour.nanFrom ?? Infinity) ? Number.NaN : loss };
  }

  async step(options: StepOptions) {
    await Promise.resolve();
    const norm = Math.sqrt(this.grad.reduce((sum, g) => sum + g * g, 0));
    const clip = options.maxNorm > 0 && norm > options.maxNorm ? options.maxNorm / norm : 1;
    this.steps++;
    for (const { offset, shape, group } of this.parameters) {
      const rate = options.rates[group];
      if (rate === undefined) continue;
      const end = offset + shape.reduce((product, n) => product * n, 1);
      for (let i = offset; i < end; i++) {
        const g = this.grad[i]! * clip;
        this.m[i] = options.beta1 * this.m[i]! + (1 - options.beta1) * g;
        this.v[i] = options.beta2 * this.v[i]! + (1 - options.beta2) * g * g;
        const mean = this.m[i]! / (1 - options.beta1 ** this.steps);
        const spread = Math.sqrt(this.v[i]! / (1 - options.beta2 ** this.steps)) + options.epsilon;
        this.values[i] = this.values[i]! - rate * (mean / spread + options.weightDecay * this.values[i]!);
      }
    }
    this.grad.fill(0);
    return { gradientNorm: norm, parameterNorm: Math.sqrt(this.values.reduce((sum, x) => sum + x * x, 0)) };
  }

  async score(batch: Batch) {
    await Promise.resolve();
    const choices: number[] = [];
    const targets: number[] = [];
    this.visit(batch, (row, candidates, answer, _weight, kind) => {
      const logs = this.logProbabilities(row, candidates);
      if (kind === "choice") choices.push(...logs);
      else targets.push(logs[answer]!);
    });
    return { choices: Float32Array.from(choices), targets: Float32Array.from(targets) };
  }

  async generate(segments: Segments, options: GenerateOptions): Promise<Int32Array[]> {
    await Promise.resolve();
    const rows = this.seen(segments);
    const ends: number[] = [];
    segments.segmentLength.reduce((at, length) => {
      ends.push(at + length - 1);
      return at + length;
    }, 0);
    return [...options.leaves].map((leaf) => {
      let path = rows[ends[leaf]!]!;
      const answer: number[] = [];
      while (answer.length < options.maxTokens) {
        const features = this.features(path);
        let best = 0;
        for (let token = 1; token < VOCABULARY; token++) {
          if (this.logit(features, token) > this.logit(features, best)) best = token;
        }
        if (options.endTokens.includes(best)) break;
        answer.push(best);
        path = [...path, best];
      }
      return Int32Array.from(answer);
    });
  }

  state(): Promise<SessionState> {
    return Promise.resolve({
      parameters: this.values.slice(),
      firstMoment: this.m.slice(),
      secondMoment: this.v.slice(),
      steps: this.steps,
    });
  }

  load(state: SessionState): Promise<void> {
    this.values.set(state.parameters);
    this.m.set(state.firstMoment);
    this.v.set(state.secondMoment);
    this.steps = state.steps;
    this.grad.fill(0);
    return Promise.resolve();
  }

  read() {
    return Promise.resolve(this.values.slice());
  }
  write(values: Float32Array) {
    this.values.set(values);
    return Promise.resolve();
  }
  prompt() {
    return Promise.resolve(this.values.slice(0, this.biasOffset));
  }

  gradient() {
    return Promise.resolve(this.grad.slice());
  }
  cancel() {
    // Every call is over within one micro-batch.
  }
  close() {
    this.behaviour.closed = (this.behaviour.closed ?? 0) + 1;
  }
}

export function fakeEngine(behaviour: FakeBehaviour = {}): Engine {
  return {
    openModel: (_, options) => {
      const onGpu = options?.device?.startsWith("cuda") === true;
      const error = onGpu ? (behaviour.gpuError?.(options.weights) ?? null) : null;
      if (error !== null) return Promise.reject(error);
      const kept = options?.weights === "stream" ? 0 : (behaviour.keptBytes ?? 0);
      const model: Model = {
        precision: "float32",
        threads: 1,
        openSession: (options) => {
          behaviour.opened = (behaviour.opened ?? 0) + 1;
          return Promise.resolve(new FakeSession(options, behaviour));
        },
        freeMemory: () =>
          Promise.resolve(behaviour.gpus?.gpus.find(({ id }) => id === options?.device)?.freeMemory ?? null),
        products: behaviour.products ?? null,
        embed: (tokens) =>
          Promise.resolve(Float32Array.from([...tokens].flatMap((token) => EMBEDDINGS[token]!))),
        read: () => Promise.resolve(new Float32Array(BUCKETS * CLASSES)),
        forecast: ({ rows, train, checkpoint }) =>
          kept + rows * (behaviour.bytesPerRow ?? 1000) * (train ? 1 : 0.1) * (checkpoint ? 0.25 : 1),
        close: () => undefined,
      };
      return Promise.resolve(model);
    },
    devices: () => [{ id: "cpu", name: "Fake processor", threads: 1, features: [], precision: "float32" }],
    gpus: () =>
      behaviour.gpus ?? {
        gpus: [],
        cudaMissing: "no NVIDIA driver was found",
        noGpu: true,
        nccl: { version: null, file: null, missing: "NCCL was not found" },
      },
  };
}
