import { checkPlaces, unclaimed, type StoredTensor } from "./stored-tensor";
import { SAFETENSORS_TYPES, tensorBytes } from "./element-types";
import { HeaderReader } from "./header-reader";
import { isFault, scanObject } from "../data/json-scan";
import { isRecord, parseJson } from "./json";
import { damaged, shown, unsupported } from "./problem";
import { say } from "../say";

/** Far more than the header of any model; it is held in memory. */
const LONGEST_HEADER = 1 << 24;

/**
 * Tensors of a safetensors file: inside it, apart from each other, and together all of it. The values are not read.
 * @param descriptor Open for reading.
 * @throws PlumbError naming the tensor that is wrong.
 */
export function readSafetensorsHeader(descriptor: number, size: number, file: string): StoredTensor[] {
  const reader = new HeaderReader(descriptor, size, file);
  const length = reader.u64(say`the header's length`, size);
  if (length > LONGEST_HEADER) {
    throw damaged(
      file,
      say`the header's length is ${length}, more than the ${LONGEST_HEADER} of any sound file`,
    );
  }
  const bytes = reader.take(length, say`the header`);
  const header = parseJson(bytes, file, say`the header`);
  refuseDoubles(bytes.toString("utf8"), file);
  const start = reader.position;
  if (!isRecord(header)) throw damaged(file, say`the header is no JSON object`);
  const tensors = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, entry]) => readEntry(name, entry, start, file));
  checkPlaces(tensors, file, size);
  // checkPlaces leaves only gaps to find.
  const covered = tensors.reduce((sum, { layout, shape }) => sum + (tensorBytes(layout, shape) ?? 0), start);
  if (covered !== size) throw unclaimed(size - covered, file);
  return tensors;
}

/** JSON.parse keeps the last of two equal names. */
function refuseDoubles(header: string, file: string): void {
  const scanned = scanObject(header);
  if (isFault(scanned)) return;
  const names = new Set<string>();
  for (const { key } of scanned.members) {
    if (names.has(key)) throw damaged(file, say`${say`tensor ${shown(key)}`} is there twice`);
    names.add(key);
  }
}

function readEntry(name: string, entry: unknown, start: number, file: string): StoredTensor {
  const what = say`tensor ${shown(name)}`;
  if (!isRecord(entry)) throw damaged(file, say`${what} is not described by a JSON object`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const layout = typeof dtype === "string" ? SAFETENSORS_TYPES.get(dtype) : undefined;
  if (layout === undefined) {
    throw unsupported(
      file,
      say`${what} has the element type ${shown(dtype)}, which is not known. Choose a file of the model in F32, F16 or BF16.`,
    );
  }
  if (!isSizes(shape)) throw damaged(file, say`${what} has no list of whole numbers as its shape`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw damaged(file, say`${what} does not say where its bytes begin and end`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = tensorBytes(layout, shape);
  if (end - begin !== bytes) {
    throw damaged(
      file,
      say`${what} of shape [${shape.join(", ")}] and type ${layout.name} is said to have ${end - begin} bytes, expected ${bytes ?? say`a possible size`}`,
    );
  }
  return { name, layout, shape, file, offset: start + begin };
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && (size as number) >= 0);
}
