import type { AsyncBuffer, ColumnMetaData } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";
import { say } from "../say";

/** Of a column within a group of rows, of which there are ten million at most. */
const mostValues = 100_000_000;

/**
 * Walks the headers of a column's pages, as hyparquet is going to, and throws where it would leave them. It takes the
 * type of each field from the file: where that is damaged, a size can be anything, and its place in the file
 * becomes no number, at which it reads for ever. A few bytes can also promise any number of values.
 */
export async function checkPages(file: AsyncBuffer, column: ColumnMetaData): Promise<void> {
  const dictionary = Number(column.dictionary_page_offset ?? 0);
  const start = dictionary === 0 ? Number(column.data_page_offset) : dictionary;
  const end = start + Number(column.total_compressed_size);
  if (!(Number.isSafeInteger(start) && start >= 0 && end >= start && end <= file.byteLength))
    throw new Error(say`a column from byte ${start} to byte ${end}`);
  const reader = { view: new DataView(await file.slice(start, end)), offset: 0 };
  let values = 0;
  while (reader.offset < reader.view.byteLength - 1) {
    const at = reader.offset;
    const header = parquetHeader(reader);
    const size: unknown = header.compressed_page_size;
    const unpacked: unknown = header.uncompressed_page_size;
    const page = header.data_page_header ?? header.data_page_header_v2;
    const inDictionary = header.dictionary_page_header?.num_values ?? 0;
    values += count(page?.num_values ?? 0);
    if (
      !(count(size) <= reader.view.byteLength - reader.offset) ||
      !(count(inDictionary) <= count(unpacked)) ||
      !(values <= mostValues) ||
      (header.data_page_header_v2 !== undefined && Number.isNaN(count(header.data_page_header_v2.num_rows)))
    )
      throw new Error(say`the page at byte ${start + at}`);
    reader.offset += count(size);
  }
}

/** A number that can count something; else NaN, of which no comparison is true. */
const count = (value: unknown): number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : NaN;
