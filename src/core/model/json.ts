import { readFile, stat } from "node:fs/promises";
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
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw damaged(file, say`${what} is no JSON (${reason.replace(/\s+/g, " ").slice(0, 120)})`);
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
  const value = parseJson(bytes, file, "it");
  if (!isRecord(value)) throw damaged(file, say`it holds no JSON object`);
  return value;
}
