import { GGUF_TYPES, tensorBytes } from "./element-types";
import { HeaderReader } from "./header-reader";
import { damaged, shown, unsupported } from "./problem";
import { checkPlaces, unclaimed, type StoredTensor } from "./stored-tensor";
import { say } from "../say";

export type MetadataValue = number | boolean | string | readonly number[] | readonly string[];

export interface GgufHeader {
  readonly metadata: ReadonlyMap<string, MetadataValue>;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const VERSIONS = [2, 3];
const LONGEST_STRING = 1 << 24;
/** Long arrays that are read; of the others, nothing needs those above LONGEST_OTHER_ARRAY. */
const LONG_ARRAYS = new Set([
  "tokenizer.ggml.tokens",
  "tokenizer.ggml.token_type",
  "tokenizer.ggml.merges",
  "tokenizer.ggml.scores",
]);
const LONGEST_ARRAY = 1 << 21;
const LONGEST_OTHER_ARRAY = 4096;
const MOST_DIMENSIONS = 4;
const LARGEST_ALIGNMENT = 1 << 16;

const STRING = 8;
const ARRAY = 9;
interface ScalarType {
  readonly bytes: number;
  read(bytes: Buffer): number | boolean;
}
/** Scalar types of metadata by their number. A 64-bit value may lose its last digits: whoever uses one checks it. */
const SCALARS: ReadonlyMap<number, ScalarType> = new Map<number, ScalarType>([
  [0, { bytes: 1, read: (bytes) => bytes.readUInt8() }],
  [1, { bytes: 1, read: (bytes) => bytes.readInt8() }],
  [2, { bytes: 2, read: (bytes) => bytes.readUInt16LE() }],
  [3, { bytes: 2, read: (bytes) => bytes.readInt16LE() }],
  [4, { bytes: 4, read: (bytes) => bytes.readUInt32LE() }],
  [5, { bytes: 4, read: (bytes) => bytes.readInt32LE() }],
  [6, { bytes: 4, read: (bytes) => bytes.readFloatLE() }],
  [7, { bytes: 1, read: (bytes) => bytes.readUInt8() !== 0 }],
  [10, { bytes: 8, read: (bytes) => Number(bytes.readBigUInt64LE()) }],
  [11, { bytes: 8, read: (bytes) => Number(bytes.readBigInt64LE()) }],
  [12, { bytes: 8, read: (bytes) => bytes.readDoubleLE() }],
]);

/**
 * Header of a GGUF file: metadata, and tensors that lie inside the file, apart from each other. The values are not read.
 * @param descriptor Open for reading.
 * @throws PlumbError naming the key or tensor that is wrong.
 */
export function readGgufHeader(descriptor: number, size: number, file: string): GgufHeader {
  const reader = new HeaderReader(descriptor, size, file);
  if (size < 24) throw damaged(file, say`it has ${size} bytes, fewer than the header of a GGUF file`);
  if (reader.take(4, say`the letters GGUF`).toString("latin1") !== "GGUF") {
    throw damaged(file, say`it does not begin with the letters GGUF`);
  }
  const version = reader.u32(say`the version`);
  if (!VERSIONS.includes(version)) {
    throw unsupported(
      file,
      VERSIONS.includes(Buffer.from(Uint32Array.of(version).buffer).swap32().readUInt32LE())
        ? say`a GGUF file for big-endian machines, which is not supported. Get the usual one.`
        : say`GGUF version ${version} is not supported; supported are ${VERSIONS.join(say` and `)}. ${version > 3 ? say`Get the model in one of these, or a newer Plumb.` : say`Convert the model anew.`}`,
    );
  }
  // The least that a tensor's description (name's length, dimensions, type, offset) or a key (length, type, value) takes.
  const tensorCount = reader.u64(say`the number of tensors`, Math.floor(size / 32));
  const keyCount = reader.u64(say`the number of metadata keys`, Math.floor(size / 13));
  const metadata = readMetadata(reader, keyCount);
  return { metadata, tensors: readTensors(reader, tensorCount, alignmentOf(metadata, file)) };
}

function readMetadata(reader: HeaderReader, count: number): Map<string, MetadataValue> {
  const metadata = new Map<string, MetadataValue>();
  for (let i = 0; i < count; ++i) {
    const key = readString(reader, say`metadata key ${i + 1}`);
    const what = say`metadata ${shown(key)}`;
    if (metadata.has(key)) throw damaged(reader.file, say`${what} is there twice`);
    const type = reader.u32(say`the type of ${what}`);
    if (type === STRING) metadata.set(key, readString(reader, what));
    else if (type === ARRAY) metadata.set(key, readArray(reader, key, what));
    else {
      const scalar = scalarType(reader, type, what);
      metadata.set(key, scalar.read(reader.take(scalar.bytes, what)));
    }
  }
  return metadata;
}

function scalarType(reader: HeaderReader, type: number, what: string): ScalarType {
  const scalar = SCALARS.get(type);
  if (scalar === undefined)
    throw damaged(reader.file, say`${what} has the type ${type}, which GGUF does not know`);
  return scalar;
}

function readString(reader: HeaderReader, what: string, element: number | null = null): string {
  const name = () => (element === null ? what : say`element ${element} of ${what}`);
  const length = reader.u64(() => say`the length of ${name()}`, reader.remaining);
  if (length > LONGEST_STRING) {
    throw damaged(
      reader.file,
      say`${name()} has ${length} bytes, more than the ${LONGEST_STRING} of any sound file`,
    );
  }
  return reader.text(length, name);
}

/** Arrays that nothing here reads come back empty. */
function readArray(reader: HeaderReader, key: string, what: string): number[] | string[] {
  const type = reader.u32(say`the type of ${what}`);
  const scalar = type === STRING ? null : scalarType(reader, type, say`an element of ${what}`);
  const width = scalar?.bytes ?? 8;
  const count = reader.u64(say`the length of ${what}`, Math.floor(reader.remaining / width));
  const kept = LONG_ARRAYS.has(key) || count <= LONGEST_OTHER_ARRAY;
  if (kept && count > LONGEST_ARRAY) {
    throw damaged(
      reader.file,
      say`${what} has ${count} elements, more than the ${LONGEST_ARRAY} of any sound file`,
    );
  }
  if (scalar === null) {
    if (kept) return Array.from({ length: count }, (_, i) => readString(reader, what, i));
    for (let i = 0; i < count; ++i) {
      reader.skip(
        reader.u64(() => say`the length of element ${i} of ${what}`, reader.remaining),
        what,
      );
    }
    return [];
  }
  if (kept) return Array.from({ length: count }, () => Number(scalar.read(reader.take(width, what))));
  reader.skip(count * width, what);
  return [];
}

function alignmentOf(metadata: ReadonlyMap<string, MetadataValue>, file: string): number {
  const alignment = metadata.get("general.alignment") ?? 32;
  if (
    typeof alignment !== "number" ||
    !Number.isInteger(alignment) ||
    alignment < 8 ||
    alignment > LARGEST_ALIGNMENT ||
    alignment % 8 !== 0
  ) {
    throw damaged(
      file,
      say`metadata "general.alignment" is ${shown(alignment)}, expected a multiple of 8 up to ${LARGEST_ALIGNMENT}`,
    );
  }
  return alignment;
}

function readTensors(reader: HeaderReader, count: number, alignment: number): Map<string, StoredTensor> {
  const { file, size } = reader;
  const described = Array.from({ length: count }, (_, i) => {
    const name = readString(reader, say`the name of tensor ${i + 1}`);
    const what = say`tensor ${shown(name)}`;
    const dimensions = reader.u32(say`the number of dimensions of ${what}`);
    if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
      throw damaged(file, say`${what} has ${dimensions} dimensions, expected 1 to ${MOST_DIMENSIONS}`);
    }
    const shape = Array.from({ length: dimensions }, () =>
      reader.u64(say`an extent of ${what}`, Number.MAX_SAFE_INTEGER),
    ).reverse();
    const type = reader.u32(say`the type of ${what}`);
    const offset = reader.u64(say`the offset of ${what}`, size);
    return { name, what, shape, type, offset };
  });
  // Values begin at the next multiple of the alignment, and offsets count from there.
  const start = Math.ceil(reader.position / alignment) * alignment;
  const tensors = new Map<string, StoredTensor>();
  for (const { name, what, shape, type, offset } of described) {
    if (tensors.has(name)) throw damaged(file, say`${what} is there twice`);
    const layout = GGUF_TYPES.get(type);
    if (layout === undefined) {
      throw unsupported(
        file,
        say`${what} has the element type number ${type}, which is not known. Get the model in another type.`,
      );
    }
    if (offset % alignment !== 0) {
      throw damaged(file, say`the offset ${offset} of ${what} is no multiple of the alignment ${alignment}`);
    }
    const tensor = { name, layout, shape, file, offset: start + offset };
    tensors.set(name, tensor);
  }
  checkPlaces([...tensors.values()], file, size);
  // A model whose head is missing would pass for one that uses its embedding as such.
  const padded = (bytes: number) => Math.ceil(bytes / alignment) * alignment;
  const covered = [...tensors.values()].reduce(
    (sum, { layout, shape }) => sum + padded(tensorBytes(layout, shape) ?? 0),
    start,
  );
  if (tensors.size > 0 && size - covered >= alignment) throw unclaimed(size - covered, file);
  return tensors;
}
