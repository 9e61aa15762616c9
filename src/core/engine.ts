/**
 * The native engine as TypeScript sees it: hand-written types of the addon, and the one place that loads it.
 * Everything heavy happens behind these calls, on a thread of the engine's own; every call returns a promise.
 */
import { createRequire } from "node:module";
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import path from "node:path";
import { cublasFolder } from "./cache-folder";
import { fromEngine } from "./native-sentences";
import { say } from "./say";

/** Element types of stored weights. Block types are those of GGUF. */
export type ElementType =
  | "f32"
  | "f16"
  | "bf16"
  | "q8_0"
  | "q4_0"
  | "q4_1"
  | "q5_0"
  | "q5_1"
  | "iq4_nl"
  | "q2_k"
  | "q3_k"
  | "q4_k"
  | "q5_k"
  | "q6_k";

/** One tensor of a model, where it lies on disk. `name` is the Hugging Face name. */
export interface TensorEntry {
  readonly name: string;
  readonly type: ElementType;
  /** Outermost dimension first: [out, in] for a linear map, [vocabulary, hidden] for the embedding. */
  readonly shape: readonly number[];
  /** Index into `ModelTable.files`. */
  readonly file: number;
  /** Bytes from the beginning of that file. */
  readonly offset: number;
  /** Row order of q and k inside each head: GGUF interleaves the two halves that Hugging Face keeps apart. */
  readonly rows?: "interleaved";
}

export interface DecoderConfig {
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layerCount: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headSize: number;
  readonly vocabularySize: number;
  readonly normEpsilon: number;
  readonly ropeTheta: number;
  /** What each frequency of the positions is divided by, [headSize / 2]; absent: nothing. */
  readonly ropeFactors?: readonly number[];
  /** RMS norms over each head's queries and keys, before they are turned (Qwen3). */
  readonly queryKeyNorm?: boolean;
  readonly contextLength: number;
  /** The output head is the embedding matrix. */
  readonly tiedHead: boolean;
}

export interface ModelTable {
  readonly files: readonly string[];
  readonly tensors: readonly TensorEntry[];
  readonly config: DecoderConfig;
}

export interface ModelOptions {
  /** OpenMP threads; default: all cores. */
  readonly threads?: number;
  /** Type of the matrix products. "auto": bfloat16 where the processor has AVX512-BF16, else float32. */
  readonly precision?: "auto" | "float32" | "bfloat16";
  /** "keep" holds each linear map in the product's type; "stream" converts it anew for each use, in less memory. */
  readonly weights?: "keep" | "stream";
  /**
   * Where: "cpu" (the default), "cuda" for the first GPU, "cuda:N", "cuda:N,M" for several of one kind. Throws
   * "cuda-not-built" or "cuda-unavailable", and "nccl" where several cannot work as one.
   */
  readonly device?: string;
}

/** What trains: prompt vectors and biases of linear maps, or low-rank updates of linear maps, or all parameters. */
export interface MethodSpec {
  /** Vectors left of the text: tokens -1 and down. */
  readonly promptLength: number;
  /** Vectors right of the text: the tokens behind the left ones'. */
  readonly promptRight?: number;
  /** What makes the vectors while they are tuned (P-tuning): themselves, or a network over trainable embeddings. */
  readonly promptEncoder?: PromptEncoder;
  readonly biases: readonly LinearMap[];
  readonly lora?: LoraSpec;
  /** Every parameter of the model, under its Hugging Face name. */
  readonly full?: boolean;
}
export type PromptEncoder = "none" | "mlp" | "lstm";
/** X·Wᵀ + (alpha / rank)·(X·Aᵀ)·Bᵀ; `dropout` is the share of X that a training pass keeps from the update. */
export interface LoraSpec {
  readonly rank: number;
  readonly alpha: number;
  readonly dropout: number;
  readonly maps: readonly LinearMap[];
}
export type LinearMap = "q" | "k" | "v" | "o" | "gate" | "up" | "down";

export interface SessionOptions {
  readonly method: MethodSpec;
  /** Keep each layer's input only and compute the layer again on the way back. */
  readonly checkpoint?: boolean;
  /** In how many bits the moments of large tensors are kept: 32, or 8 (Dettmers and others 2022). */
  readonly optimizer?: Optimizer;
}
export type Optimizer = "adamw" | "adamw-8bit";

/**
 * A batch is a tree of segments, packed without padding. A token sees all tokens of its ancestors' segments and the
 * earlier ones of its own; positions go on from the parent's end. Parents come before their children.
 */
export interface Segments {
  /** Tokens of all segments, one segment after the other. A value below 0 is prompt vector -1 - value. */
  readonly tokens: Int32Array;
  /** [segments] */
  readonly segmentLength: Int32Array;
  /** [segments], -1 for a root. */
  readonly segmentParent: Int32Array;
}

export interface Batch extends Segments {
  /** [choices] Row (index into tokens) whose next-token logits are restricted to the choice's candidates. */
  readonly choiceRow: Int32Array;
  /** [choices + 1] Where the candidates of each choice begin in `candidates`; the last value is its length. */
  readonly choiceStart: Int32Array;
  /** Token ids. */
  readonly candidates: Int32Array;
  /** [choices] Index of the true candidate within its choice, -1 where the choice is only scored. */
  readonly choiceAnswer: Int32Array;
  /** [choices] Weight of -log P(answer) in the loss. */
  readonly choiceWeight: Float32Array;
  /** [targets] Rows that carry cross-entropy over the whole vocabulary. */
  readonly targetRow: Int32Array;
  /** [targets] Token that should follow the row. */
  readonly targetToken: Int32Array;
  /** [targets] */
  readonly targetWeight: Float32Array;
}

export interface Scores {
  /** [candidates] log P(candidate) within its choice. */
  readonly choices: Float32Array;
  /** [targets] log P(token) over the whole vocabulary. */
  readonly targets: Float32Array;
}

/** Rates and constants of one AdamW step. Rates are per parameter group; an absent group does not move. */
export interface StepOptions {
  readonly rates: Readonly<Partial<Record<ParameterGroup, number>>>;
  /** Gradient norm above which the whole gradient is scaled down; 0 for none. */
  readonly maxNorm: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

export interface StepResult {
  /** Norm of the whole gradient before clipping; NaN or infinite where the step was refused and nothing moved. */
  readonly gradientNorm: number;
  readonly parameterNorm: number;
}

export type ParameterGroup = "prompt" | "bias" | "lora" | "full";

export interface Parameter {
  /**
   * As in a Hugging Face LLaMA (`model.layers.3.mlp.up_proj.bias`), as in PEFT behind its prefix
   * (`model.layers.3.mlp.up_proj.lora_A.weight`, `prompt_encoder.mlp_head.0.weight`), `prompt.left` or `prompt.right`.
   */
  readonly name: string;
  readonly shape: readonly number[];
  /** First element in the flat buffer of all parameters. */
  readonly offset: number;
  readonly group: ParameterGroup;
}

/** Everything that going on to the bit needs, besides what the caller keeps (data order, schedule). */
export interface SessionState {
  readonly parameters: Float32Array;
  readonly firstMoment: Float32Array;
  readonly secondMoment: Float32Array;
  /** Moments of 8 bits by the name of their list, and their scales; absent where there are none. */
  readonly rounded?: Readonly<Record<string, StateValues>>;
  readonly steps: number;
}
export type StateValues = Float32Array | Uint8Array;

export interface GenerateOptions {
  /** Segments whose continuation is asked for. */
  readonly leaves: Int32Array;
  readonly maxTokens: number;
  /** Generation of a sequence ends before any of these. */
  readonly endTokens: Int32Array;
  /** 0: greedy. */
  readonly temperature: number;
  /** Only the smallest set of tokens whose probability reaches this is sampled from; 1 for all. */
  readonly topP: number;
  readonly seed: number;
}

export interface Session {
  readonly parameters: readonly Parameter[];
  /**
   * Forward and backward of one micro-batch, or, on several GPUs, of at most one for each at the same time; gradients add.
   * Returns the weighted sum of the losses. An error of the engine, "cancelled" among them, drops all that was accumulated.
   */
  accumulate(...batches: Batch[]): Promise<{ loss: number }>;
  /** AdamW with the accumulated gradient, which is set to zero. */
  step(options: StepOptions): Promise<StepResult>;
  score(batch: Batch): Promise<Scores>;
  /** One array of token ids for each leaf, end token not included. */
  generate(segments: Segments, options: GenerateOptions): Promise<Int32Array[]>;
  state(): Promise<SessionState>;
  load(state: SessionState): Promise<void>;
  /** Flat buffer of all parameters; offsets as in `parameters`. */
  read(): Promise<Float32Array>;
  write(values: Float32Array): Promise<void>;
  /** Accumulated gradient, flat. */
  gradient(): Promise<Float32Array>;
  /** The prompt vectors as they enter the model, left ones first, [vectors, hidden]. */
  prompt(): Promise<Float32Array>;
  /** The call under way and those queued reject with code "cancelled" within one micro-batch. */
  cancel(): void;
  /** Frees the session; twice is fine, calls after it reject with code "closed". */
  close(): void;
}

export interface Model {
  /** Product type in use. */
  readonly precision: "float32" | "bfloat16";
  readonly threads: number;
  /** What multiplies on a GPU, "cuBLAS 13.0.2" or "own kernel": their bits differ. Null on the processor. */
  readonly products: string | null;
  openSession(options: SessionOptions): Promise<Session>;
  /** Rows of the embedding matrix, [tokens, hidden]. */
  embed(tokens: Int32Array): Promise<Float32Array>;
  /** A parameter of the model itself by its Hugging Face name, dequantised, rows in Hugging Face's order. */
  read(name: string): Promise<Float32Array>;
  /**
   * Bytes that the engine will hold in the memory it computes in, the process itself or a GPU's context not counted: weights,
   * and one micro-batch.
   * `rows`: tokens of the micro-batch; `longest`: tokens of its longest path from root to leaf; `inputs`: the method is
   * one for which the maps' inputs are kept (low-rank updates, all parameters).
   */
  forecast(shape: {
    rows: number;
    longest: number;
    targets: number;
    train: boolean;
    checkpoint: boolean;
    inputs?: boolean;
  }): number;
  /** Bytes that the GPU's memory has left, other programs' taken off, of several the least; null on the processor. */
  freeMemory(): Promise<number | null>;
  close(): void;
}

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly threads: number;
  /** Instruction sets that matter here, e.g. "avx2", "avx512", "avx512_bf16". */
  readonly features: readonly string[];
  readonly precision: "float32" | "bfloat16";
}

/** An NVIDIA GPU that the engine can compute on. */
export interface Gpu {
  /** "cuda:0" */
  readonly id: string;
  readonly name: string;
  /** Bytes. */
  readonly memory: number;
  readonly freeMemory: number;
  /** Compute capability, "9.0". */
  readonly capability: string;
  /** Newest CUDA that the driver knows, "13.0". */
  readonly driver: string;
  readonly precision: "float32" | "bfloat16";
  /** Version of cuBLAS, which multiplies there, "13.0.2", and its file; null where it is our own kernel. */
  readonly cublas: string | null;
  readonly cublasFile: string | null;
  /** Why it is our own kernel, and what to do, as a part of a sentence; empty where it is cuBLAS. */
  readonly cublasMissing: string;
}

/** NVIDIA's library for several GPUs that work together. */
export interface Nccl {
  /** "2.32.3"; null where there is none. */
  readonly version: string | null;
  readonly file: string | null;
  /** Why there is none, and what to do, as a part of a sentence; empty where there is one. */
  readonly missing: string;
}

export interface Gpus {
  readonly gpus: readonly Gpu[];
  /** Why there are none, as a part of a sentence; empty where there are. */
  readonly cudaMissing: string;
  /** Whether there is no GPU, as on most machines, and so nothing to repair. */
  readonly noGpu?: boolean;
  /** What several of them add up their gradients with. */
  readonly nccl: Nccl;
}

export interface Engine {
  openModel(table: ModelTable, options?: ModelOptions): Promise<Model>;
  /** The processor. */
  devices(): Device[];
  /** Opens the library for GPUs: a driver that is broken may end the process (src/core/gpus.ts asks another one). */
  gpus(): Gpus;
}

/** An error of the engine: `code` for programs, the message for people. */
export class EngineError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = "EngineError";
  }
}

/** Whether a value that was thrown is the addon's: an Error with a code. */
function isCoded(error: unknown): error is Error & { code: string } {
  return error instanceof Error && "code" in error && typeof error.code === "string";
}

/** The addon's errors with the caller's stack, a type, and in the language of this process. */
const taken = (error: unknown): unknown =>
  isCoded(error) && !(error instanceof EngineError)
    ? new EngineError(error.code, fromEngine(error.message))
    : error;

async function guarded<T>(call: () => T | Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw taken(error);
  }
}

/** One of the lists that make a session's state, as the addon gives it piece by piece. */
interface StateList {
  readonly name: string;
  readonly type: "f32" | "u8";
  readonly size: number;
}

interface NativeSession extends Omit<Session, "state" | "load"> {
  stateLists(): Promise<StateList[]>;
  readState(list: string, first: number, count: number): Promise<StateValues>;
  writeState(list: string, first: number, values: StateValues): Promise<void>;
  /** Goes on behind a step whose state was written. */
  resume(steps: number): Promise<void>;
}

type NativeModel = Omit<Model, "openSession"> & {
  openSession(options: SessionOptions): Promise<NativeSession>;
};
type NativeEngine = Omit<Engine, "openModel" | "devices"> & {
  devices(): Omit<Device, "name">[];
  openModel(table: ModelTable, options?: ModelOptions): Promise<NativeModel>;
  /** Besides the usual places, from now on. */
  lookForCublasIn(folder: string): void;
};

/** Elements that cross at once: the state of a whole model is not copied twice. */
const STATE_PIECE = 1 << 24;

class GuardedSession implements Session {
  readonly parameters: readonly Parameter[];
  private stepsDone = 0;
  constructor(private readonly native: NativeSession) {
    this.parameters = native.parameters;
  }
  accumulate(...batches: Batch[]) {
    return guarded(() => this.native.accumulate(...batches));
  }
  step(options: StepOptions) {
    return guarded(async () => {
      const result = await this.native.step(options);
      if (Number.isFinite(result.gradientNorm)) this.stepsDone++;
      return result;
    });
  }
  score(batch: Batch) {
    return guarded(() => this.native.score(batch));
  }
  generate(segments: Segments, options: GenerateOptions) {
    return guarded(() => this.native.generate(segments, options));
  }
  state() {
    return guarded(async () => {
      const lists = await this.native.stateLists();
      const values: Record<string, StateValues> = {};
      for (const { name, type, size } of lists) {
        const whole = type === "f32" ? new Float32Array(size) : new Uint8Array(size);
        for (let at = 0; at < size; at += STATE_PIECE)
          whole.set(await this.native.readState(name, at, Math.min(STATE_PIECE, size - at)), at);
        values[name] = whole;
      }
      const { parameters, first_moment, second_moment, ...rounded } = values;
      return {
        parameters: parameters as Float32Array,
        firstMoment: first_moment as Float32Array,
        secondMoment: second_moment as Float32Array,
        ...(Object.keys(rounded).length > 0 ? { rounded } : {}),
        steps: this.stepsDone,
      };
    });
  }
  load({ parameters, firstMoment, secondMoment, rounded, steps }: SessionState) {
    return guarded(async () => {
      const given = new Map<string, StateValues>(
        Object.entries({ parameters, first_moment: firstMoment, second_moment: secondMoment, ...rounded }),
      );
      const lists = await this.native.stateLists();
      for (const { name, type, size } of lists) {
        const values = given.get(name);
        if (values?.length !== size || values instanceof Float32Array !== (type === "f32")) {
          throw new EngineError(
            "state",
            `load: the state has ${values?.length ?? "no"} values of "${name}", this method has ${size}; it was saved with another method, optimizer or base model`,
          );
        }
      }
      if (given.size !== lists.length)
        throw new EngineError("state", "load: the state was saved with another optimizer");
      for (const [name, values] of given) {
        for (let at = 0; at < values.length; at += STATE_PIECE)
          await this.native.writeState(name, at, values.subarray(at, at + STATE_PIECE));
      }
      await this.native.resume(steps);
      this.stepsDone = steps;
    });
  }
  read() {
    return guarded(() => this.native.read());
  }
  write(values: Float32Array) {
    return guarded(() => this.native.write(values));
  }
  gradient() {
    return guarded(() => this.native.gradient());
  }
  prompt() {
    return guarded(() => this.native.prompt());
  }
  cancel() {
    this.native.cancel();
  }
  close() {
    this.native.close();
  }
}

class GuardedModel implements Model {
  readonly precision: Model["precision"];
  readonly threads: number;
  readonly products: string | null;
  constructor(private readonly native: NativeModel) {
    this.precision = native.precision;
    this.threads = native.threads;
    this.products = native.products;
  }
  openSession(options: SessionOptions): Promise<Session> {
    return guarded(async () => new GuardedSession(await this.native.openSession(options)));
  }
  embed(tokens: Int32Array) {
    return guarded(() => this.native.embed(tokens));
  }
  read(name: string) {
    return guarded(() => this.native.read(name));
  }
  forecast(shape: Parameters<Model["forecast"]>[0]) {
    try {
      return this.native.forecast(shape);
    } catch (error) {
      throw taken(error);
    }
  }
  freeMemory() {
    return guarded(() => this.native.freeMemory());
  }
  close() {
    this.native.close();
  }
}

/** How the engine begins why there are no GPUs, where there is nothing to repair. */
const WITHOUT_GPU =
  /^(no NVIDIA driver was found|the NVIDIA driver finds no GPU|the NVIDIA driver says: no CUDA-capable device|this build has no library)/;

const saidGpus = ({ gpus, cudaMissing, nccl }: Gpus): Gpus => ({
  gpus: gpus.map((gpu) => ({ ...gpu, cublasMissing: fromEngine(gpu.cublasMissing) })),
  cudaMissing: fromEngine(cudaMissing),
  noGpu: WITHOUT_GPU.test(cudaMissing),
  nccl: { ...nccl, missing: fromEngine(nccl.missing) },
});

/** As its maker calls it, as far as the system tells. */
const processorName = () => cpus()[0]?.model.trim() || "processor";

/** Where the addon may lie, seen from the folder of this module or of the bundle that holds it. */
const ADDON_PLACES = ["native", "../build/native", "../../build/native"];

const addonPlaces = () => ADDON_PLACES.map((place) => path.resolve(__dirname, place, "plumb.node"));

/** The library for GPUs that the addon opens (native/binding/gpus.cpp): the one that is named, else the one beside it. */
export function gpuLibrary(): string {
  const { PLUMB_CUDA_LIBRARY: named = "" } = process.env;
  const addon = addonPlaces().find((place) => existsSync(place)) ?? "";
  return named === "" ? path.join(path.dirname(addon), "libplumb_cuda.so") : named;
}

/**
 * Loads the addon. Throws EngineError "engine-missing" where it has not been built, "engine-broken" where it does not
 * load. The environment must hold OMP_WAIT_POLICY=PASSIVE before the process starts: spinning threads starve Node's own.
 */
export function loadEngine(): Engine {
  const places = addonPlaces();
  const file = places.find((place) => existsSync(place));
  if (file === undefined)
    throw new EngineError(
      "engine-missing",
      say`The native engine is missing (looked for ${places.join(", ")}). In a clone of the project, run "npm run build".`,
    );
  let native: NativeEngine;
  try {
    native = createRequire(file)(file) as NativeEngine;
  } catch (error) {
    throw new EngineError(
      "engine-broken",
      say`The native engine ${file} does not load: ${(error as Error).message}`,
    );
  }
  native.lookForCublasIn(cublasFolder());
  return {
    openModel: (table, options) =>
      guarded(async () => new GuardedModel(await native.openModel(table, options))),
    devices: () => native.devices().map((device) => ({ ...device, name: processorName() })),
    gpus: () => saidGpus(native.gpus()),
  };
}
