import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { cannotRead } from "../data/read";
import { PlumbError } from "../errors";
import { detectEncoding, textOf } from "./encoding";
import { importError } from "./problems";
import type { Encoding, RawBatches, RawItem, Tick } from "./types";
import { counted, say } from "../say";

/** One text is no longer than this. */
const largestText = 4 << 20;
const mostFiles = 1_000_000;
/** So many hidden files are named. */
const mostMentioned = 3;

/** Lines of a plain text: a text each. Blank ones are passed over. */
export class TextLineReader {
  private rest = "";
  private line = 1;

  push(piece: string, final = false): RawItem[] {
    const lines = (this.rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.rest = final ? "" : (lines.pop() ?? "");
    const items: RawItem[] = [];
    for (const text of lines) {
      const line = this.line++;
      if (text.trim() !== "") items.push({ line, value: { text: text.replace(/\r$/, "") } });
    }
    return items;
  }
}

/**
 * Texts of a folder: one a file, those in folders within it too, in the order of their names. `folder` is the folder that
 * a file lies in, which is how many collections keep their labels. What is no text is told, and so is what is not read: a
 * link may lead out of the folder, or to a text that is read already.
 */
export async function* readFolder(folder: string, encoding: Encoding | undefined, tick: Tick): RawBatches {
  const { files, hidden } = await filesIn(folder);
  let line = 0;
  for (const { name, isLink, isFile } of files) {
    tick(line++);
    const file = path.join(folder, name);
    const fault = (code: string, message: string): RawItem => ({
      line,
      value: null,
      faults: [{ line: null, severity: "error", code, message: `${name}: ${message}` }],
    });
    if (!isFile) {
      yield [
        fault(
          "not-a-file",
          isLink
            ? say`this is a link; it was left out. Put what it leads to in its place.`
            : say`this is not a regular file; it was left out.`,
        ),
      ];
      continue;
    }
    try {
      const { size } = await stat(file);
      if (size > largestText) {
        yield [
          fault(
            "too-large",
            say`${Math.ceil(size / 1048576)} MiB are too much for one text; it was left out.`,
          ),
        ];
        continue;
      }
      const bytes = await readFile(file);
      const found = encoding ?? (await detectEncoding(once(bytes)));
      let text = "";
      for await (const piece of textOf(once(bytes), found)) text += piece;
      if (text.includes("\0")) yield [fault("not-text", say`this is not a text file; it was left out.`)];
      else if (text.trim() === "") yield [fault("no-text", say`the file is empty; it was left out.`)];
      else
        yield [
          {
            line,
            value: {
              text: text.trim(),
              file: name,
              folder: path.posix.dirname(name) === "." ? null : path.posix.dirname(name),
            },
          },
        ];
    } catch (error) {
      const said = cannotRead(file, error);
      yield [fault(said.code, said.message)];
    }
  }
  if (hidden.length > 0) {
    const message = say`${counted(hidden.length, "hidden file or folder was", "hidden files or folders were")} left out: ${mentioned(hidden)}.`;
    yield [{ line, value: null, faults: [{ line: null, severity: "info", code: "hidden-file", message }] }];
  }
  tick(files.length);
}

const mentioned = (names: readonly string[]) =>
  [...names.slice(0, mostMentioned), ...(names.length > mostMentioned ? ["…"] : [])].join(", ");

/** What systems put into folders for themselves; nobody misses it. */
const isOfSystem = (name: string) => /^(\.DS_Store|\._.*|\.directory|Thumbs\.db|desktop\.ini)$/i.test(name);

interface Found {
  name: string;
  isLink: boolean;
  isFile: boolean;
}

/** Paths of what lies in a folder, from there, with `/` on every system. */
async function filesIn(folder: string): Promise<{ files: Found[]; hidden: string[] }> {
  const files: Found[] = [];
  const hidden: string[] = [];
  const walk = async (inner: string) => {
    for (const entry of (await readdir(path.join(folder, inner), { withFileTypes: true })).sort((a, b) =>
      compare(a.name, b.name),
    )) {
      if (isOfSystem(entry.name)) continue;
      const name = path.posix.join(inner, entry.name);
      if (entry.name.startsWith(".")) hidden.push(name);
      else if (entry.isDirectory()) await walk(name);
      else files.push({ name, isLink: entry.isSymbolicLink(), isFile: entry.isFile() });
      if (files.length + hidden.length > mostFiles)
        throw importError(
          folder,
          "too-many",
          say`more than ${counted(mostFiles, "file is", "files are")} too many.`,
        );
    }
  };
  try {
    await walk("");
  } catch (error) {
    if (error instanceof PlumbError) throw error;
    throw cannotRead(folder, error);
  }
  return { files, hidden };
}

/** `a2` before `a10`. */
const compare = new Intl.Collator("en", { numeric: true }).compare;

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  yield await Promise.resolve(bytes);
}
