/** What a shared library of Linux (ELF, 64 bit, little-endian) asks of others and offers them. */
export interface Elf {
  /** Libraries that the loader brings with it. */
  readonly needed: readonly string[];
  /** Versions of symbols, by the library that must have them: `libc.so.6` → `GLIBC_2.14`, … */
  readonly wanted: ReadonlyMap<string, readonly string[]>;
  /** Versions that it has itself. */
  readonly versions: readonly string[];
  /** Names of the symbols that others can see. */
  readonly exported: readonly string[];
}

export function isElf(file: Buffer): boolean {
  return file.toString("latin1", 0, 4) === "\x7fELF";
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

const DYNAMIC = 6;
const DYNAMIC_SYMBOLS = 11;
const VERSIONS_HAD = 0x6ffffffd;
const VERSIONS_WANTED = 0x6ffffffe;
const NEEDED = 1n;

export function readElf(file: Buffer): Elf {
  const sections = readSections(file);
  const find = (type: number) => sections.find((section) => section.type === type);
  const textsOf = ({ link }: Section) => {
    const at = sections[link]?.offset ?? 0;
    return (offset: number) => file.toString("latin1", at + offset, file.indexOf(0, at + offset));
  };
  return {
    needed: readNeeded(file, find(DYNAMIC), textsOf),
    wanted: readWanted(file, find(VERSIONS_WANTED), textsOf),
    versions: readVersions(file, find(VERSIONS_HAD), textsOf),
    exported: readExported(file, find(DYNAMIC_SYMBOLS), textsOf),
  };
}

type TextsOf = (section: Section) => (offset: number) => string;

function readSections(file: Buffer): Section[] {
  const at = Number(file.readBigUInt64LE(0x28));
  const length = file.readUInt16LE(0x3a);
  const count = file.readUInt16LE(0x3c);
  return Array.from({ length: count }, (_, i) => {
    const head = at + i * length;
    return {
      type: file.readUInt32LE(head + 4),
      offset: Number(file.readBigUInt64LE(head + 24)),
      size: Number(file.readBigUInt64LE(head + 32)),
      link: file.readUInt32LE(head + 40),
      info: file.readUInt32LE(head + 44),
    };
  });
}

function readNeeded(file: Buffer, section: Section | undefined, textsOf: TextsOf): string[] {
  if (section === undefined) return [];
  const found: string[] = [];
  for (let at = section.offset; at < section.offset + section.size; at += 16) {
    if (file.readBigInt64LE(at) === NEEDED)
      found.push(textsOf(section)(Number(file.readBigUInt64LE(at + 8))));
  }
  return found;
}

function readWanted(file: Buffer, section: Section | undefined, textsOf: TextsOf): Map<string, string[]> {
  const found = new Map<string, string[]>();
  if (section === undefined) return found;
  const text = textsOf(section);
  for (let [i, at] = [0, section.offset]; i < section.info; i++) {
    const versions: string[] = [];
    const count = file.readUInt16LE(at + 2);
    for (let [j, entry] = [0, at + file.readUInt32LE(at + 8)]; j < count; j++) {
      versions.push(text(file.readUInt32LE(entry + 8)));
      entry += file.readUInt32LE(entry + 12);
    }
    found.set(text(file.readUInt32LE(at + 4)), versions);
    at += file.readUInt32LE(at + 12);
  }
  return found;
}

function readVersions(file: Buffer, section: Section | undefined, textsOf: TextsOf): string[] {
  if (section === undefined) return [];
  const found: string[] = [];
  for (let [i, at] = [0, section.offset]; i < section.info; i++) {
    found.push(textsOf(section)(file.readUInt32LE(at + file.readUInt32LE(at + 12))));
    at += file.readUInt32LE(at + 16);
  }
  return found;
}

function readExported(file: Buffer, section: Section | undefined, textsOf: TextsOf): string[] {
  if (section === undefined) return [];
  const found: string[] = [];
  for (let at = section.offset; at < section.offset + section.size; at += 24) {
    const isLocal = file.readUInt8(at + 4) >> 4 === 0;
    const isDefined = file.readUInt16LE(at + 6) !== 0;
    if (!isLocal && isDefined) found.push(textsOf(section)(file.readUInt32LE(at)));
  }
  return found;
}
