import { PlumbError } from "../errors";
import { say } from "../say";

/** What the file holds contradicts itself or its size. `what`: a clause, with what was found and what was expected. */
export function damaged(file: string, what: string): PlumbError {
  return new PlumbError(
    "model-damaged",
    say`${file}: ${what}. The file is damaged or was not copied whole: get it again.`,
  );
}

/** The file may be sound, but Plumb cannot use it. `sentences`: what was found, and what can be used. */
export function unsupported(file: string, sentences: string): PlumbError {
  return new PlumbError("model-unsupported", `${file}: ${sentences}`);
}

/** The parts of a model are sound, but do not belong together. */
export function mismatch(file: string, sentences: string): PlumbError {
  return new PlumbError("model-mismatch", `${file}: ${sentences}`);
}

/** A value for a message: control characters escaped, cut where it is long. */
export function shown(value: unknown): string {
  const cut = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most - 3)}...`);
  return typeof value === "string"
    ? say`"${cut(JSON.stringify(value).slice(1, -1), 78)}"`
    : cut(String(value), 80);
}
