import { isUtf8 } from "node:buffer";
import { brokenCharacter } from "../core/data";
import { PlumbError } from "../core/errors";

/** A text to judge, and how its answer names it: by the input's own id, else by its line, counted from 1. */
export interface Asked {
  readonly name: { readonly id: string } | { readonly line: number };
  readonly text: string;
}

const LF = 10;
const CR = 13;
/** Most texts of one batch. */
const TEXTS_AT_ONCE = 512;

/**
 * Texts from a stream, in batches as they come: one text a line, or JSON Lines with a field "text" where the first line
 * is a JSON object. Empty lines are passed over. A JSON list is refused: its lines are no texts.
 * @param source Names the stream in messages.
 * @throws PlumbError naming the line.
 */
export async function* textBatches(
  input: AsyncIterable<Uint8Array>,
  source: string,
): AsyncGenerator<Asked[], void, void> {
  let rest: Uint8Array[] = [];
  let line = 0;
  let json: boolean | null = null;
  let batch: Asked[] = [];
  const take = (bytes: Uint8Array) => {
    line++;
    if (!isUtf8(bytes)) {
      throw new PlumbError(
        "input",
        `${source}, line ${line}: not UTF-8. Save the texts as UTF-8, then try again.`,
      );
    }
    const text = Buffer.from(bytes).toString("utf8");
    const raw = line === 1 && text.startsWith("\ufeff") ? text.slice(1) : text;
    if (raw.trim() === "") return;
    if (json === null && beginsJsonList(raw)) {
      throw new PlumbError(
        "input",
        `${source}, line ${line}: a JSON list begins here. Expected one text a line, or one object a line, such as {"text": "…"}. Write each entry on a line of its own; jq -c .[] does so.`,
      );
    }
    json ??= isJsonLine(raw);
    batch.push(readText(raw, line, json, source));
  };
  for await (const chunk of input) {
    rest.push(chunk);
    if (!chunk.includes(LF) && !chunk.includes(CR) && rest.length > 1 && rest.at(-2)!.at(-1) !== CR) continue;
    const whole = Buffer.concat(rest);
    let from = 0;
    for (let at = 0; at < whole.length; at++) {
      // A CR at the end may be the half of a line end.
      if (whole[at] === CR ? at + 1 === whole.length : whole[at] !== LF) continue;
      take(whole.subarray(from, at));
      if (whole[at] === CR && whole[at + 1] === LF) at++;
      from = at + 1;
      if (batch.length < TEXTS_AT_ONCE) continue;
      yield batch;
      batch = [];
    }
    rest = [whole.subarray(from)];
    // What has come is answered, though more may follow: someone may be typing.
    if (batch.length > 0) yield batch;
    batch = [];
  }
  const last = Buffer.concat(rest);
  take(last.at(-1) === CR ? last.subarray(0, -1) : last);
  if (batch.length > 0) yield batch;
}

function isJsonLine(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return /^\s*\{\s*("|$)/.test(line); // Meant as one: judged as a text, the slip would go unseen.
  }
}

/** Whether a line is a JSON list of objects or texts, or the beginning of one. A text may stand in brackets: `[1]`. */
function beginsJsonList(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return (
      Array.isArray(value) && value.every((entry) => typeof entry === "object" || typeof entry === "string")
    );
  } catch {
    return /^\s*\[\s*(\{\s*("|$)|$)/.test(line) || /^\s*\[\s*"([^"\\]|\\.)*"\s*,/.test(line);
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
  const broken = brokenCharacter("text", text);
  if (broken !== null) throw wrong(broken.message);
  // A number as an id is read as in an examples file.
  const name = typeof id === "string" || Number.isSafeInteger(id) ? { id: String(id) } : { line: number };
  return { name, text };
}
