import { decompress as unpackZstandard } from "fzstd";
import {
  asyncBufferFromFile,
  parquetMetadataAsync,
  parquetReadObjects,
  snappyUncompress,
  type FileMetaData,
} from "hyparquet";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { PlumbError } from "../errors";
import { checkPages } from "./parquet-pages";
import { importError } from "./problems";
import type { RawBatches, RawItem, Tick } from "./types";
import { inQuotes, say } from "../say";

/** A group of rows is held in memory as a whole. */
const largestGroup = 1 << 30;
/** A page is a megabyte by default. */
const largestPage = 256 << 20;

const sized = (length: number) => {
  if (!(length >= 0 && length <= largestPage)) throw new Error(say`a page of ${length} bytes`);
  return length;
};

/** `length` is what the file says a page unpacks to: more than that is never written. */
const compressors = {
  SNAPPY: (input: Uint8Array, length: number) => {
    const output = new Uint8Array(sized(length));
    snappyUncompress(input, output);
    return output;
  },
  GZIP: (input: Uint8Array, length: number) =>
    gunzipSync(input, { maxOutputLength: Math.max(1, sized(length)) }),
  BROTLI: (input: Uint8Array, length: number) =>
    brotliDecompressSync(input, { maxOutputLength: Math.max(1, sized(length)) }),
  ZSTD: (input: Uint8Array, length: number) => unpackZstandard(input, new Uint8Array(sized(length))),
};
const readable = new Set(["UNCOMPRESSED", ...Object.keys(compressors)]);

/** Rows of a Parquet file, a group of rows at a time. `line` is the row, from 1. */
export async function* readParquet(file: string, tick: Tick): RawBatches {
  try {
    const buffer = await asyncBufferFromFile(file);
    // Looking for places on a map, which nobody asked for, hyparquet goes round for ever where a damaged group has −1 columns.
    const metadata = await parquetMetadataAsync(buffer, { geoparquet: false });
    checkGroups(file, metadata);
    const classes = classNames(metadata);
    const total = Number(metadata.num_rows);
    let start = 0;
    tick(0);
    for (const group of metadata.row_groups) {
      const end = start + Number(group.num_rows);
      for (const { meta_data: column } of group.columns)
        if (column !== undefined) await checkPages(buffer, column);
      const rows = await parquetReadObjects({
        file: buffer,
        metadata,
        rowStart: start,
        rowEnd: end,
        compressors,
        geoparquet: false,
      });
      const items: RawItem[] = rows.map((row, at) => {
        for (const [column, names] of classes)
          if (typeof row[column] === "bigint" || typeof row[column] === "number")
            row[column] = names[Number(row[column])] ?? null;
        return { line: start + at + 1, value: row };
      });
      for (let at = 0; at < items.length; at += 1000) {
        yield items.slice(at, at + 1000);
        tick((buffer.byteLength * Math.min(end, start + at + 1000)) / Math.max(1, total));
      }
      start = end;
    }
  } catch (error) {
    if (error instanceof PlumbError) throw error;
    throw importError(
      file,
      "damaged",
      say`the Parquet file is damaged or of a kind that cannot be read (${(error as Error).message}). Write it again, or save it as .csv.`,
      error,
    );
  }
}

function checkGroups(file: string, { row_groups: groups }: FileMetaData): void {
  for (const [at, group] of groups.entries()) {
    const size = Number(group.total_byte_size);
    if (size > largestGroup || Number(group.num_rows) > 10_000_000)
      throw importError(
        file,
        "too-large",
        say`row group ${at + 1} unpacks to ${Math.round(size / 1048576)} MiB; at most ${largestGroup >> 20} are read. Write the file with smaller row groups.`,
      );
    for (const { meta_data: column } of group.columns) {
      if (column === undefined || readable.has(column.codec)) continue;
      throw importError(
        file,
        "unknown-compression",
        say`column ${inQuotes(column.path_in_schema.join("."))} is packed by ${column.codec}, which is not read. Write the file with Snappy or Zstandard.`,
      );
    }
  }
}

/** Names behind the numbers of label columns, where the file was written by the library "datasets", which keeps them apart. */
function classNames(metadata: FileMetaData): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const written = metadata.key_value_metadata?.find(({ key }) => key === "huggingface")?.value;
  if (written === undefined) return names;
  try {
    const { info } = JSON.parse(written) as {
      info?: { features?: Record<string, { _type?: unknown; names?: unknown }> };
    };
    for (const [column, feature] of Object.entries(info?.features ?? {}))
      if (feature._type === "ClassLabel" && Array.isArray(feature.names))
        names.set(column, feature.names.map(String));
  } catch {
    // Not what the library writes: the numbers stay.
  }
  return names;
}
