import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { cannotRead } from "../data/read";
import { PlumbError } from "../errors";
import { detectEncoding, textOf } from "./encoding";
import { importError } from "./problems";
import type { Encoding, RawBatches, RawItem, Tick } from "./types";
import { say } from "../say";

/** One text is no longer than this. */
const largestText = 4 << 20;
const mostFiles = 1_000_000;

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
 * a file lies in, which is how many collections keep their labels. Files that are no texts are told.
 */
export async function* readFolder(folder: string, encoding: Encoding | undefined, tick: Tick): RawBatches {
  const files = await filesIn(folder);
  let line = 0;
  for (const name of files) {
    tick(line++);
    const file = path.join(folder, name);
    const fault = (code: string, message: string): RawItem => ({
      line,
      value: null,
      faults: [{ line: null, severity: "error", code, message: `${name}: ${message}` }],
    });
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
              folder: path.dirname(name) === "." ? null : path.dirname(name),
            },
          },
        ];
    } catch (error) {
      const said = cannotRead(file, error);
      yield [fault(said.code, said.message)];
    }
  }
  tick(files.length);
}

/** Paths of the files in a folder, from there; hidden ones are left out. */
export async function filesIn(folder: string): Promise<string[]> {
  const files: string[] = [];
  const walk = async (inner: string) => {
    for (const entry of (await readdir(path.join(folder, inner), { withFileTypes: true })).sort((a, b) =>
      compare(a.name, b.name),
    )) {
      if (entry.name.startsWith(".")) continue;
      const name = path.join(inner, entry.name);
      if (entry.isDirectory()) await walk(name);
      else if (entry.isFile()) files.push(name);
      if (files.length > mostFiles)
        throw importError(folder, "too-many", say`more than ${mostFiles} files are too many.`);
    }
  };
  try {
    await walk("");
  } catch (error) {
    if (error instanceof PlumbError) throw error;
    throw cannotRead(folder, error);
  }
  return files;
}

/** `a2` before `a10`. */
const compare = new Intl.Collator("en", { numeric: true }).compare;

async function* once(bytes: Buffer): AsyncGenerator<Buffer, void, void> {
  yield await Promise.resolve(bytes);
}
