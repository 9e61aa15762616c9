import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Model, Parameter } from "../engine";
import { PlumbError } from "../errors";
import { writeFileAtomic } from "../files";
import type { BaseModel } from "../model";
import { TuningSettings, type StartOptions } from "../schema";
import { checkBaseModel, readAdapter, type Adapter } from "./adapter";
import { findAdapter } from "./find-adapter";
import { biasedMaps, LORA, methodOf, normal, vectorsOf } from "./methods";
import { RUN_FILES, sha256, START_FILE, writing } from "./run-folder";
import { encodeTensors, readTensors, type TensorFile } from "./safetensors";
import { say } from "../say";

/** What other adapters give to a run before its first step. */
export interface StartingPoint {
  /** By the names of the parameters. */
  readonly tensors: TensorFile["tensors"];
  readonly sources: readonly { readonly file: string; readonly sha256: string }[];
}

const isBias = (name: string) => name.startsWith("model.layers.") && name.endsWith(".bias");
const refuse = (sentence: string) => new PlumbError("start", sentence);

/** Rows of the embedding matrix by which the spread of random vectors is measured. */
const ROWS_MEASURED = 256;

/**
 * Reads the adapters that a run is to start from, and looks at everything that can be wrong with them.
 * @returns The settings with where the run starts, an adapter by its SHA-256.
 * @throws PlumbError where start, method and adapter do not go together.
 */
export async function readStart(
  { start, biasStart }: StartOptions,
  settings: TuningSettings,
  base: BaseModel,
): Promise<{ settings: TuningSettings; start: StartingPoint }> {
  checkWishes({ start, biasStart }, settings);
  const tensors = new Map<string, { shape: readonly number[]; values: Float32Array }>();
  const sources: { file: string; sha256: string }[] = [];
  const open = async (wanted: string) => {
    const { file } = await findAdapter(wanted);
    const adapter = await readAdapter(file);
    checkBaseModel(adapter, base);
    const source = { file, sha256: sha256(await readFile(file)) };
    if (!sources.some((known) => known.file === file)) sources.push(source);
    return { adapter, from: { from: "adapter", sha256: source.sha256 } as const };
  };
  let decided = settings;
  if (start?.from === "adapter") {
    const { adapter, from } = await open(start.adapter);
    checkFit(adapter, settings, base, biasStart === undefined);
    for (const [name, tensor] of adapter.tensors) tensors.set(name, tensor);
    decided = { ...decided, start: from };
  } else if (start !== undefined) {
    decided = { ...decided, start };
  }
  if (biasStart?.from === "adapter") {
    const { adapter, from } = await open(biasStart.adapter);
    checkBiases(adapter, settings);
    for (const [name, tensor] of adapter.tensors) if (isBias(name)) tensors.set(name, tensor);
    decided = { ...decided, biasStart: from };
  } else if (biasStart !== undefined) {
    decided = { ...decided, biasStart };
  }
  // In the schema's order, in which a resumed run reads them: files of equal runs are equal to the bit.
  return { settings: TuningSettings.parse(decided), start: { tensors, sources } };
}

/** @throws PlumbError where the method has nothing that could start so. */
function checkWishes({ start, biasStart }: StartOptions, settings: TuningSettings): void {
  const { method, promptEncoder = "none", promptLength } = settings;
  if (biasStart !== undefined && methodOf(settings).biases.length === 0)
    throw refuse(say`Method ${method} trains no biases that could start anywhere: leave out --bias-start.`);
  if (start === undefined) return;
  const { left } = vectorsOf(settings);
  if (start.from === "adapter") {
    if (method === "full")
      throw refuse(say`Method full starts from the base model's own parameters, not from an adapter's.`);
  } else if (promptLength === 0) {
    throw refuse(say`A prompt of length 0 starts nowhere: leave out --start, or give a --prompt-length.`);
  } else if (start.from === "random" && left === 0) {
    throw refuse(say`Method ${method} trains no prompt vectors that could start at random.`);
  }
  if (promptEncoder !== "none" && start.from !== "random") {
    throw refuse(
      say`A prompt encoder (${promptEncoder}) starts from the seed, not from a text or an adapter: add --prompt-encoder none, or leave out --start.`,
    );
  }
}

/** @throws PlumbError where the adapter lacks what the method trains. */
function checkFit(adapter: Adapter, settings: TuningSettings, base: BaseModel, biases: boolean): void {
  const { file } = adapter;
  const { method, promptLength } = settings;
  const { left, right } = vectorsOf(settings);
  const missing = (what: string) =>
    refuse(
      say`Method ${method} cannot start from ${file}: it was tuned with ${adapter.settings.method} and has no ${what}.`,
    );
  for (const [name, vectors] of [
    ["prompt.left", left],
    ["prompt.right", right],
  ] as const) {
    if (vectors === 0) continue;
    const shape = adapter.tensors.get(name)?.shape;
    if (shape === undefined) throw missing(say`vectors "${name}"`);
    const { hiddenSize } = base.table.config;
    if (shape.join() !== [vectors, hiddenSize].join()) {
      throw refuse(
        say`${file} has ${shape[0] ?? 0} prompt vectors of size ${shape[1] ?? 0} in "${name}", this run ${promptLength} of size ${hiddenSize}. Tune with --prompt-length ${shape[0] ?? 0}, or start elsewhere.`,
      );
    }
  }
  if (biases && methodOf(settings).biases.length > 0) checkBiases(adapter, settings);
  if (method !== "lora") return;
  if (adapter.settings.method !== "lora") throw missing(say`low-rank updates`);
  const [found, wanted] = [adapter.settings.lora ?? LORA, settings.lora ?? LORA];
  if (found.rank !== wanted.rank || found.alpha !== wanted.alpha) {
    throw refuse(
      say`${file} has updates of rank ${found.rank} and alpha ${found.alpha}, this run of rank ${wanted.rank} and alpha ${wanted.alpha}. Tune with --lora-rank ${found.rank} --lora-alpha ${found.alpha}, or start elsewhere.`,
    );
  }
}

function checkBiases({ file, tensors, settings: found }: Adapter, settings: TuningSettings): void {
  if (![...tensors.keys()].some(isBias)) {
    throw refuse(
      say`The biases cannot start from ${file}: it was tuned with ${found.method} and has none. Add --bias-start zero, or name another adapter.`,
    );
  }
  const has = biasedMaps(found);
  const lacking = biasedMaps(settings).filter((map) => !has.includes(map));
  if (lacking.length === 0) return;
  throw refuse(
    say`The biases cannot start from ${file}: it has those of ${has.join(", ")} and none of ${lacking.join(", ")}. Tune with --biases ${has.join(",")}, or add --bias-start zero.`,
  );
}

/** Whether a run's settings say that an adapter gives this parameter. */
export function startsFromAdapter(
  { start, biasStart }: Pick<TuningSettings, "start" | "biasStart">,
  { group }: Pick<Parameter, "group">,
): boolean {
  return ((group === "bias" ? biasStart : undefined) ?? start)?.from === "adapter";
}

/** @throws PlumbError where the tensor is missing or has another shape. */
export function givenValues(given: StartingPoint["tensors"], { name, shape }: Parameter): Float32Array {
  const tensor = given.get(name);
  if (tensor?.shape.join() === shape.join()) return tensor.values;
  const found = tensor === undefined ? "missing" : `[${tensor.shape.join(", ")}]`;
  throw refuse(
    say`The adapter to start from is damaged: tensor ${name} is ${found}, expected [${shape.join(", ")}]. Name another one.`,
  );
}

/** Vectors without a meaning: normal, as far from zero as the model's embeddings are. */
export async function randomVectors(
  model: Model,
  base: BaseModel,
  shape: readonly number[],
  random: () => number,
): Promise<Float32Array> {
  const { vocabularySize } = base.table.config;
  const tokens = Int32Array.from({ length: ROWS_MEASURED }, () => Math.floor(random() * vocabularySize));
  const rows = await model.embed(tokens);
  const spread = Math.sqrt(rows.reduce((sum, value) => sum + value * value, 0) / rows.length);
  const size = shape.reduce((product, extent) => product * extent, 1);
  return Float32Array.from({ length: size }, () => spread * normal(random));
}

/** What the settings say about the start, in sentences for people; none for the usual one. */
export function startSentences({
  settings: { start, biasStart },
  start: { sources },
}: {
  readonly settings: TuningSettings;
  readonly start: StartingPoint;
}): string[] {
  const file = (hash: string) => sources.find(({ sha256: known }) => known === hash)?.file ?? hash;
  return [
    ...(start?.from === "random" ? [say`The prompt vectors start at random.`] : []),
    ...(start?.from === "text" ? [say`The prompt starts from the text "${start.text}".`] : []),
    ...(start?.from === "adapter" ? [say`What trains starts from ${file(start.sha256)}.`] : []),
    ...(biasStart?.from === "adapter" ? [say`The biases start from ${file(biasStart.sha256)}.`] : []),
    ...(biasStart?.from === "zero" ? [say`The biases start at zero.`] : []),
    ...(sources.length > 0
      ? [
          say`Texts that the other adapter has learned from are not new to this run: where they stand in its test part or its folds, the figures are too good.`,
        ]
      : []),
  ];
}

const keptStart = (folder: string) => path.join(folder, RUN_FILES.checkpoints, START_FILE);

/** Keeps the tensors in the run folder: going on with the run asks for no other adapter. */
export async function keepStart(folder: string, { tensors }: StartingPoint): Promise<void> {
  const file = keptStart(folder);
  await writing(file, () => writeFileAtomic(file, encodeTensors({ tensors, metadata: {} })));
}

export async function readKeptStart(folder: string): Promise<StartingPoint["tensors"]> {
  return (await readTensors(keptStart(folder))).tensors;
}
