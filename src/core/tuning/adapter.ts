import * as z from "zod";
import type { Parameter, Session } from "../engine";
import { Task } from "../schema";
import type { BaseModel } from "../model";
import { PlumbError } from "../errors";
import { writeFileAtomic } from "../files";
import { TuningSettings } from "./settings";
import { encodeTensors, readTensors, type TensorFile } from "./safetensors";
import { labelWords } from "./layout";
import { say } from "../say";

const FORMAT = "plumb-adapter";
const VERSION = "1";

/** What using an adapter needs besides its tensors. */
export interface AdapterInfo {
  readonly task: Task;
  readonly settings: TuningSettings;
  /** Generation only: most tokens of an answer. */
  readonly answerRoom: number;
  /** `multi` only: a label applies from this probability on; one for each label. */
  readonly thresholds: readonly number[] | null;
  readonly baseModel: { readonly name: string; readonly fingerprint: string };
}

export interface Adapter extends AdapterInfo {
  readonly file: string;
  readonly tensors: TensorFile["tensors"];
}

/** Writes the trained tensors under their Hugging Face names, with what is needed to use them again. */
export async function writeAdapter(
  file: string,
  info: AdapterInfo,
  parameters: readonly Parameter[],
  values: Float32Array,
): Promise<void> {
  const tensors = new Map(
    parameters.map(({ name, shape, offset }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      return [name, { shape, values: values.slice(offset, offset + count) }];
    }),
  );
  const metadata = {
    format: FORMAT,
    version: VERSION,
    task: JSON.stringify(info.task),
    template: JSON.stringify(info.task.template ?? null),
    labelWords: JSON.stringify(labelWords(info.task)),
    settings: JSON.stringify(info.settings),
    answerRoom: JSON.stringify(info.answerRoom),
    thresholds: JSON.stringify(info.thresholds),
    baseModel: info.baseModel.name,
    baseModelFingerprint: info.baseModel.fingerprint,
  };
  await writeFileAtomic(file, encodeTensors({ tensors, metadata }));
}

/** @throws PlumbError where the file is damaged or not an adapter of this format. */
export async function readAdapter(file: string): Promise<Adapter> {
  const { tensors, metadata } = await readTensors(file);
  if (metadata.format !== FORMAT) {
    throw new PlumbError(
      "adapter-format",
      say`${file} is not an adapter: its metadata has no format "${FORMAT}".`,
    );
  }
  if (metadata.version !== VERSION) {
    throw new PlumbError(
      "adapter-version",
      say`${file} has format version ${metadata.version ?? say`none`}; this Plumb reads version ${VERSION}. Update Plumb, or tune anew.`,
    );
  }
  const field = <T>(name: string, schema: z.ZodType<T>): T => {
    try {
      return schema.parse(JSON.parse(metadata[name] ?? ""));
    } catch {
      throw new PlumbError("adapter-format", say`${file}: metadata "${name}" is missing or not valid.`);
    }
  };
  const fingerprint = metadata.baseModelFingerprint;
  if (fingerprint === undefined) {
    throw new PlumbError("adapter-format", say`${file}: metadata "baseModelFingerprint" is missing.`);
  }
  return {
    file,
    tensors,
    task: field("task", Task),
    settings: field("settings", TuningSettings),
    answerRoom: field("answerRoom", z.number().int().nonnegative()),
    thresholds: field("thresholds", z.array(z.number()).nullable()),
    baseModel: { name: metadata.baseModel ?? "unknown", fingerprint },
  };
}

/** @throws PlumbError where the adapter was made for another base model. */
export function checkBaseModel(adapter: Adapter, model: BaseModel): void {
  if (adapter.baseModel.fingerprint === model.fingerprint) return;
  throw new PlumbError(
    "adapter-base",
    say`Cannot use ${adapter.file} with ${model.name} (${model.path}): it was made for ${adapter.baseModel.name}, fingerprint ${adapter.baseModel.fingerprint.slice(0, 12)}, and this file has ${model.fingerprint.slice(0, 12)}. Name its own base model with --base, or tune anew.`,
  );
}

/** Puts the adapter's tensors into a session. @throws PlumbError where a tensor is missing, too many or of another shape. */
export async function loadAdapter(adapter: Adapter, session: Session): Promise<void> {
  const size = session.parameters.reduce(
    (end, { shape, offset }) => Math.max(end, offset + shape.reduce((product, n) => product * n, 1)),
    0,
  );
  const flat = new Float32Array(size);
  for (const { name, shape, offset } of session.parameters) {
    const tensor = adapter.tensors.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const found = tensor === undefined ? "missing" : `[${tensor.shape.join(", ")}]`;
      throw new PlumbError(
        "adapter-shape",
        say`${adapter.file}: tensor ${name} is ${found}, expected [${shape.join(", ")}]. The file is damaged; tune anew.`,
      );
    }
    flat.set(tensor.values, offset);
  }
  const names = new Set(session.parameters.map(({ name }) => name));
  const extra = [...adapter.tensors.keys()].find((name) => !names.has(name));
  if (extra !== undefined) {
    throw new PlumbError(
      "adapter-shape",
      say`${adapter.file}: tensor ${extra} is none of method ${adapter.settings.method}. The file was put together from others, or comes from a newer Plumb; tune anew.`,
    );
  }
  await session.write(flat);
}
