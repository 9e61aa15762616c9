import { readFile, stat } from "node:fs/promises";
import { isFault, scanObject } from "../data/json-scan";
import { mistakenFile } from "./mistaken";
import { damaged, unsupported } from "./problem";
import { say } from "../say";

export type JsonObject = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** @param what Names the bytes, for messages. */
export function parseJson(bytes: Uint8Array, file: string, what: string): unknown {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw damaged(file, say`${what} is no UTF-8 text`);
  }
  try {
    return JSON.parse(text);
  } catch {
    const scanned = scanObject(text);
    throw damaged(
      file,
      isFault(scanned)
        ? say`${what} is no JSON (found ${scanned.found}, expected ${scanned.expected})`
        : say`${what} is no JSON`,
    );
  }
}

/**
 * A JSON file that holds an object. null where there is no such file.
 * @param most Bytes that no sound file of the kind exceeds.
 */
export async function readJsonObject(file: string, most: number): Promise<JsonObject | null> {
  let info;
  try {
    info = await stat(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
  if (!info.isFile()) throw unsupported(file, say`this is no file. Get the file from where the model came.`);
  if (info.size > most)
    throw damaged(file, say`it has ${info.size} bytes, more than the ${most} of any sound file`);
  const bytes = await readFile(file);
  const mistaken = mistakenFile(bytes, file);
  if (mistaken !== null) throw mistaken;
  const value = parseJson(bytes, file, say`it`);
  if (!isRecord(value)) throw damaged(file, say`it holds no JSON object`);
  return value;
}
