import { readSync } from "node:fs";
import { damaged, shown, unsupported } from "./problem";
import { say } from "../say";

export interface ZipEntry {
  readonly name: string;
  /** Of the stored bytes, from the beginning of the file. */
  readonly offset: number;
  readonly bytes: number;
}

const LONGEST_DIRECTORY = 1 << 26;
const END_BYTES = 22;
const NONE = 0xffffffff;

/** Entries of a zip archive (zip64 too) whose entries are stored, not compressed. @throws PlumbError naming the entry. */
export function readZip(descriptor: number, size: number, file: string): Map<string, ZipEntry> {
  const read = (offset: number, count: number, what: string): Buffer => {
    if (!(offset >= 0 && count <= size - offset)) {
      throw damaged(
        file,
        say`${what} would take ${count} bytes from byte ${offset} on, the file ends at byte ${size}`,
      );
    }
    const bytes = Buffer.alloc(count);
    if (readSync(descriptor, bytes, 0, count, offset) !== count)
      throw damaged(file, say`${what} cannot be read`);
    return bytes;
  };
  const tailStart = Math.max(0, size - END_BYTES - 0xffff);
  const tail = read(tailStart, size - tailStart, say`the end of the archive`);
  const found = tail.lastIndexOf("PK\x05\x06", undefined, "latin1");
  if (found < 0 || tail.length - found < END_BYTES) {
    throw damaged(file, say`it has no end-of-archive record, so it is no whole zip archive`);
  }
  let count = tail.readUInt16LE(found + 10);
  let length = tail.readUInt32LE(found + 12);
  let start = tail.readUInt32LE(found + 16);
  if (count === 0xffff || length === NONE || start === NONE) {
    const locator = read(tailStart + found - 20, 20, say`the zip64 locator`);
    if (locator.readUInt32LE() !== 0x07064b50) throw damaged(file, say`its zip64 locator is missing`);
    const record = read(Number(locator.readBigUInt64LE(8)), 56, say`the zip64 end-of-archive record`);
    if (record.readUInt32LE() !== 0x06064b50) throw damaged(file, say`its zip64 record is missing`);
    count = Number(record.readBigUInt64LE(32));
    length = Number(record.readBigUInt64LE(40));
    start = Number(record.readBigUInt64LE(48));
  }
  if (length > LONGEST_DIRECTORY || count > length / 46) {
    throw damaged(file, say`its directory has ${count} entries in ${length} bytes, which no sound file has`);
  }
  const directory = read(start, length, say`the directory`);
  const entries = new Map<string, ZipEntry>();
  const places: Place[] = [{ what: say`the directory`, start, end: start + length }];
  let at = 0;
  const need = (end: number) => {
    if (end > directory.length) throw damaged(file, say`its directory is cut short at byte ${start + at}`);
  };
  for (let i = 0; i < count; ++i) {
    need(at + 46);
    if (directory.readUInt32LE(at) !== 0x02014b50) throw damaged(file, say`entry ${i + 1} has no header`);
    const flags = directory.readUInt16LE(at + 8);
    const method = directory.readUInt16LE(at + 10);
    let packed = directory.readUInt32LE(at + 20);
    let bytes = directory.readUInt32LE(at + 24);
    const nameEnd = at + 46 + directory.readUInt16LE(at + 28);
    const extraEnd = nameEnd + directory.readUInt16LE(at + 30);
    let local = directory.readUInt32LE(at + 42);
    const end = extraEnd + directory.readUInt16LE(at + 32);
    need(end);
    const name = directory.toString("utf8", at + 46, nameEnd);
    for (let extra = nameEnd; extra + 4 <= extraEnd;) {
      const next = extra + 4 + directory.readUInt16LE(extra + 2);
      if (directory.readUInt16LE(extra) === 1) {
        let from = extra + 4;
        const wide = (value: number): number => {
          if (value !== NONE) return value;
          if (from + 8 > Math.min(next, extraEnd))
            throw damaged(file, say`entry ${shown(name)} lacks its size`);
          from += 8;
          return Number(directory.readBigUInt64LE(from - 8));
        };
        bytes = wide(bytes);
        packed = wide(packed);
        local = wide(local);
      }
      extra = next;
    }
    if (entries.has(name)) throw damaged(file, say`entry ${shown(name)} is there twice`);
    if (method !== 0 || packed !== bytes || (flags & 1) !== 0) {
      throw unsupported(
        file,
        say`entry ${shown(name)} is compressed or encrypted, which is not supported. Save the model anew, as PyTorch does it, or as safetensors.`,
      );
    }
    const header = read(local, 30, say`the header of entry ${shown(name)}`);
    if (header.readUInt32LE() !== 0x04034b50) {
      throw damaged(file, say`entry ${shown(name)} has no header at byte ${local}`);
    }
    const offset = local + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
    if (!(bytes <= size - offset)) {
      throw damaged(
        file,
        say`entry ${shown(name)} takes ${bytes} bytes from byte ${offset} on, the file ends at byte ${size}`,
      );
    }
    entries.set(name, { name, offset, bytes });
    places.push({ what: say`entry ${shown(name)}`, start: local, end: offset + bytes });
    at = end;
  }
  checkApart(places, file);
  return entries;
}

interface Place {
  readonly what: string;
  readonly start: number;
  readonly end: number;
}

/** Entries that share bytes are how a small file pretends to hold much. */
function checkApart(places: Place[], file: string): void {
  places.sort((a, b) => a.start - b.start || a.end - b.end);
  for (let i = 1; i < places.length; ++i) {
    const before = places[i - 1]!;
    const after = places[i]!;
    if (after.start < before.end) {
      throw damaged(file, say`${before.what} and ${after.what} overlap at byte ${after.start}`);
    }
  }
}
