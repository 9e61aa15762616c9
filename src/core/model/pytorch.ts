import { readSync } from "node:fs";
import { SAFETENSORS_TYPES, type ElementLayout } from "./element-types";
import { Call, Global, orderedDict, PersistentId, readPickle } from "./pickle";
import { damaged, shown, unsupported } from "./problem";
import { checkPlaces, type StoredTensor } from "./stored-tensor";
import { readZip, type ZipEntry } from "./zip";
import { say } from "../say";

/** Describes the tensors; their values are entries of their own. */
const LONGEST_PICKLE = 1 << 24;
const REBUILD = "torch._utils._rebuild_tensor_v2";
/** A tensor that was saved as what trains: its first argument is the tensor. */
const PARAMETER = "torch._utils._rebuild_parameter";
/** How files began before PyTorch 1.6: a pickle of a number that stands for their form. */
const OLD_FORM = Buffer.from("80028a0a6cfc9c46f9206aa85019", "hex");
const STORAGES: ReadonlyMap<string, ElementLayout> = new Map(
  (
    [
      ["Float", "F32"],
      ["Half", "F16"],
      ["BFloat16", "BF16"],
      ["Double", "F64"],
      ["Long", "I64"],
      ["Int", "I32"],
      ["Short", "I16"],
      ["Char", "I8"],
      ["Byte", "U8"],
      ["Bool", "BOOL"],
    ] as const
  ).map(([storage, type]) => [`torch.${storage}Storage`, SAFETENSORS_TYPES.get(type)!]),
);
const ALLOWED: ReadonlySet<string> = new Set([
  ...STORAGES.keys(),
  REBUILD,
  PARAMETER,
  "collections.OrderedDict",
]);

/**
 * Tensors of a file that `torch.save` wrote as a zip archive. Nothing in it is executed, and the values are not read.
 * @param descriptor Open for reading.
 * @throws PlumbError naming the tensor, the entry or what the pickle asks for.
 */
export function readPytorchHeader(descriptor: number, size: number, file: string): StoredTensor[] {
  const start = Buffer.alloc(OLD_FORM.length);
  readSync(descriptor, start, 0, start.length, 0);
  if (start.equals(OLD_FORM)) {
    throw unsupported(
      file,
      say`it is in the form that PyTorch had before 1.6, which is not supported. Save the model anew with a newer one, or as safetensors.`,
    );
  }
  const entries = readZip(descriptor, size, file);
  const pickles = [...entries.values()].filter(({ name }) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw damaged(file, say`the archive has ${pickles.length} entries NAME/data.pkl, expected one`);
  }
  if (pickle.bytes > LONGEST_PICKLE) {
    throw damaged(
      file,
      say`data.pkl has ${pickle.bytes} bytes, more than the ${LONGEST_PICKLE} of any sound file`,
    );
  }
  const root = pickle.name.slice(0, -"data.pkl".length);
  const order = entries.get(`${root}byteorder`);
  if (order !== undefined && order.bytes < 16 && read(descriptor, order).toString() !== "little") {
    throw unsupported(
      file,
      say`a file of a big-endian machine, which is not supported. Save the model anew.`,
    );
  }
  const state = readPickle(read(descriptor, pickle), ALLOWED, file);
  const items = state instanceof Call ? orderedDict(state) : state;
  if (!(items instanceof Map)) throw unsupported(file, say`it holds no dictionary of tensors.`);
  const tensors = [...(items as Map<unknown, unknown>)].map(([name, value]) => {
    if (typeof name !== "string") throw damaged(file, say`it names a tensor ${shown(name)}, expected a text`);
    return tensorOf(name, value, entries, root, file);
  });
  // A head that is the embedding is the same bytes twice; anything else lies apart.
  const apart = new Map(tensors.map((tensor) => [`${tensor.offset} ${tensor.shape.join()}`, tensor]));
  checkPlaces([...apart.values()], file, size);
  return tensors;
}

function read(descriptor: number, { offset, bytes }: ZipEntry): Buffer {
  const content = Buffer.alloc(bytes);
  return content.subarray(0, readSync(descriptor, content, 0, bytes, offset));
}

function tensorOf(
  name: string,
  value: unknown,
  entries: ReadonlyMap<string, ZipEntry>,
  root: string,
  file: string,
): StoredTensor {
  const what = say`tensor ${shown(name)}`;
  const call = value instanceof Call && value.global === PARAMETER ? value.args[0] : value;
  if (!(call instanceof Call) || call.global !== REBUILD) {
    throw unsupported(file, say`${shown(name)} is no tensor; only files of tensors alone are read.`);
  }
  const [storage, skipped, shape, strides] = call.args;
  const id: unknown = storage instanceof PersistentId ? storage.value : null;
  if (!Array.isArray(id)) throw damaged(file, say`${what} does not say where its values are`);
  const [, type, key] = id as unknown[];
  const layout = type instanceof Global ? STORAGES.get(type.name) : undefined;
  if (layout === undefined || typeof key !== "string") throw damaged(file, say`${what} has no known storage`);
  const entry = entries.get(`${root}data/${key}`);
  if (entry === undefined)
    throw damaged(file, say`${what} is in the entry ${shown(`data/${key}`)}, which is missing`);
  if (!isSizes(shape) || !isSizes(strides) || !isSizes([skipped]) || strides.length !== shape.length) {
    throw damaged(file, say`${what} has no shape, strides and offset in whole numbers`);
  }
  let elements = 1;
  for (let i = shape.length - 1; i >= 0; --i) {
    if (shape[i] !== 1 && strides[i] !== elements) {
      throw unsupported(file, say`${what} is stored transposed or with gaps. Save it with .contiguous().`);
    }
    elements *= shape[i]!;
  }
  const start = (skipped as number) * layout.bytes;
  if (!(start + elements * layout.bytes <= entry.bytes)) {
    throw damaged(
      file,
      say`${what} of shape [${shape.join(", ")}] takes ${elements * layout.bytes} bytes from byte ${start} of ${shown(entry.name)} on, which has ${entry.bytes}`,
    );
  }
  return { name, layout, shape, file, offset: entry.offset + start };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}
