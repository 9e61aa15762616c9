import { PlumbError } from "../core/errors";

/** A text to judge, and how its answer names it: by the input's own id, else by its line, counted from 1. */
export interface Asked {
  readonly name: { readonly id: string } | { readonly line: number };
  readonly text: string;
}

const LINE_END = /\r\n|\n|\r/;
/** Most texts of one batch. */
const TEXTS_AT_ONCE = 512;

/**
 * Texts from a stream, in batches as they come: one text a line, or JSON Lines with a field "text" where the first line
 * is a JSON object. Empty lines are passed over.
 * @param source Names the stream in messages.
 * @throws PlumbError naming the line.
 */
export async function* textBatches(
  input: AsyncIterable<Uint8Array>,
  source: string,
): AsyncGenerator<Asked[], void, void> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  let line = 0;
  let json: boolean | null = null;
  let batch: Asked[] = [];
  const take = (raw: string) => {
    line++;
    if (raw.trim() === "") return;
    json ??= isJsonLine(raw);
    batch.push(readText(raw, line, json, source));
  };
  const decode = (bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (error) {
      const where = line === 0 ? source : `${source}, after line ${line}`;
      throw new PlumbError("input", `${where}: not UTF-8. Save the texts as UTF-8, then try again.`, {
        cause: error,
      });
    }
  };
  for await (const bytes of input) {
    const whole = rest + decode(bytes);
    // A \r at the end may be the half of a line end.
    const known = whole.endsWith("\r") ? whole.length - 1 : whole.length;
    const lines = whole.slice(0, known).split(LINE_END);
    rest = (lines.pop() ?? "") + whole.slice(known);
    for (const raw of lines) {
      take(raw);
      if (batch.length < TEXTS_AT_ONCE) continue;
      yield batch;
      batch = [];
    }
    // What has come is answered, though more may follow: someone may be typing.
    if (batch.length > 0) yield batch;
    batch = [];
  }
  for (const raw of (rest + decode()).split(LINE_END)) take(raw);
  if (batch.length > 0) yield batch;
}

function isJsonLine(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return /^\s*\{\s*"/.test(line); // Meant as one: judged as a text, the slip would go unseen.
  }
}

function readText(line: string, number: number, json: boolean, source: string): Asked {
  const wrong = (what: string) => new PlumbError("input", `${source}, line ${number}: ${what}`);
  if (line.includes("\0")) throw wrong("found a NUL byte, expected text. Is this a text file?");
  if (!json) return { name: { line: number }, text: line };
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw wrong('not JSON. Expected an object with a field "text", such as {"text": "…"}.');
  }
  const { id, text } = (value ?? {}) as { id?: unknown; text?: unknown };
  if (typeof text !== "string" || text.trim() === "")
    throw wrong('no field "text" with a text in it. Expected {"text": "…"}.');
  // A number as an id is read as in an examples file.
  const name = typeof id === "string" || Number.isSafeInteger(id) ? { id: String(id) } : { line: number };
  return { name, text };
}
