import { spliceFields } from "../core/data/rewrite";
import { itemsIn, placeIn } from "../core/data/json-scan";
import type { Fix } from "./findings";

/** A piece of a text that another takes the place of. Offsets count UTF-16 code units. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The line of an examples file as a fix leaves it; null where the line holds another example by now, or the fix has
 * nothing left to do.
 */
export function fixedLine(line: string, fix: Extract<Fix, { id: string }>): string | null {
  let value: unknown;
  try {
    value = JSON.parse(line.replace(/^\ufeff/, ""));
  } catch {
    return null;
  }
  const id = (value as { id?: unknown } | null)?.id;
  if (typeof id !== "string" && typeof id !== "number") return null;
  if (String(id) !== fix.id) return null;
  const removed = Object.fromEntries(fix.remove.map((field) => [field, undefined]));
  const fixed = spliceFields(line, { ...fix.set, ...removed });
  return fixed === line ? null : fixed;
}

/** What a fix changes in a task file; null where it cannot, or need not any more. */
export function taskEdit(
  text: string,
  fix: Extract<Fix, { what: "add-label" | "rename-field" | "examples" }>,
): TextEdit | null {
  switch (fix.what) {
    case "add-label":
      return withLabel(text, fix.to);
    case "rename-field":
      return renamed(text, fix.from, fix.to);
    case "examples":
      return valued(text, fix.from.split("."), JSON.stringify(fix.to));
  }
}

function valued(text: string, field: readonly string[], value: string): TextEdit | null {
  const place = placeIn(text, field);
  if (place === null || text.slice(place.valueStart, place.end) === value) return null;
  return { start: place.valueStart, end: place.end, text: value };
}

function renamed(text: string, from: string, to: string): TextEdit | null {
  const place = placeIn(text, [from]);
  if (place === null || placeIn(text, [to]) !== null) return null;
  const key = text.slice(place.start, place.valueStart);
  return { start: place.start, end: place.start + key.lastIndexOf('"') + 1, text: JSON.stringify(to) };
}

/** A label behind the last one, set off from it as that is from the one before. */
function withLabel(text: string, label: string): TextEdit | null {
  const labels = placeIn(text, ["labels"]);
  if (labels === null) return null;
  const list = text.slice(labels.valueStart, labels.end);
  const items = itemsIn(list);
  const last = items.at(-1);
  if (last === undefined || items.some((_, at) => nameOf(text, at) === label)) return null;
  const before = items.at(-2);
  const gap = before === undefined ? ", " : list.slice(before.end, last.start);
  const inner = list.slice(last.start, last.end);
  // Written as its neighbour is: with or without blanks inside, on one line or several.
  const lines = /^\{(\s*)"name"(\s*:\s*)/.exec(inner);
  const [, open = " ", colon = ": "] = lines ?? [];
  const close = /(\s*)\}$/.exec(inner)?.[1] ?? " ";
  const at = labels.valueStart + last.end;
  return { start: at, end: at, text: `${gap}{${open}"name"${colon}${JSON.stringify(label)}${close}}` };
}

function nameOf(text: string, at: number): unknown {
  const place = placeIn(text, ["labels", at, "name"]);
  return place === null ? null : (JSON.parse(text.slice(place.valueStart, place.end)) as unknown);
}
