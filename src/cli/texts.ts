import { PlumbError } from "../core/errors";

/** A text to judge, and how its answer names it: by the input's own id, else by its line, counted from 1. */
export interface Asked {
  readonly name: { readonly id: string } | { readonly line: number };
  readonly text: string;
}

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
    const text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
    if (text.trim() === "") return;
    json ??= isJsonLine(text);
    batch.push(readText(text, line, json, source));
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
    const lines = (rest + decode(bytes)).split("\n");
    rest = lines.pop() ?? "";
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
  rest += decode();
  if (rest !== "") take(rest);
  if (batch.length > 0) yield batch;
}

function isJsonLine(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
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
    throw wrong('not JSON. Expected an object with a field "text", as in the first line.');
  }
  const { id, text } = (value ?? {}) as { id?: unknown; text?: unknown };
  if (typeof text !== "string" || text === "")
    throw wrong('no field "text" with a text in it. Expected {"text": "…"}.');
  return { name: typeof id === "string" ? { id } : { line: number }, text };
}
