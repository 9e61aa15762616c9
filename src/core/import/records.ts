import type { Cell } from "./types";

/** Objects inside each other become `outer.inner` down to this depth; what is deeper stays JSON. */
const deepestField = 4;
/** A record has no more fields than this; what is beyond stays JSON under its field. */
const mostFields = 500;

/** A record's fields as cells. Fields of objects in it get the path as their name. */
export function flatten(record: Readonly<Record<string, unknown>>): Map<string, Cell> {
  const cells = new Map<string, Cell>();
  const walk = (fields: Readonly<Record<string, unknown>>, before: string, depth: number) => {
    for (const [name, value] of Object.entries(fields)) {
      const plain =
        typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
      if (plain && depth < deepestField && cells.size < mostFields)
        walk(value as Record<string, unknown>, `${before}${name}.`, depth + 1);
      else cells.set(before + name, cellOf(value));
    }
  };
  walk(record, "", 1);
  return cells;
}

/** A value as a cell: a list of plain values stays a list, what is neither plain nor such a list becomes JSON. */
export function cellOf(value: unknown): Cell {
  if (Array.isArray(value)) {
    const items = value.map(plainText);
    return items.every((item) => item !== null) ? items : asJson(value);
  }
  return plainText(value) ?? (value === null || value === undefined ? null : asJson(value));
}

function plainText(value: unknown): string | null {
  switch (typeof value) {
    case "string":
      return value;
    case "number":
      return Number.isFinite(value) ? String(value) : null;
    case "bigint":
    case "boolean":
      return String(value);
    default:
      if (!(value instanceof Date) || Number.isNaN(value.getTime())) return null;
      return value
        .toISOString()
        .replace(/T00:00:00\.000Z$/, "")
        .replace(/\.000Z$/, "Z");
  }
}

function asJson(value: unknown): Cell {
  if (value instanceof Uint8Array) return null;
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner));
}
