import type * as z from "zod";
import { describeValue, quoted } from "./problem";
import { inQuotes, say } from "../say";

type Issue = z.core.$ZodIssue;

/** What a schema found, and where. */
export interface Described {
  /** `labels[2].name`; "" for the whole. */
  readonly field: string;
  /** Which field, what was found, what was expected, as a sentence. */
  readonly message: string;
}

/** A schema's complaint as a sentence for a person. */
export function describeIssue(complaint: Issue, value: unknown): Described {
  const { issue, path } = nearest(complaint, []);
  const field = fieldPath(path);
  const name = field === "" ? say`the whole` : say`field ${inQuotes(field)}`;
  const found = path.reduce<unknown>(
    (inside, key) => (inside as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  );
  if (found === undefined && path.length > 0) {
    return { field, message: say`${name} is missing; expected ${expectation(issue)}.` };
  }
  // A rule in words of its own.
  if (issue.code === "custom")
    return { field, message: say`${name}: found ${describeValue(found)}; ${issue.message}.` };
  return { field, message: say`${name}: found ${describeValue(found)}, expected ${expectation(issue)}.` };
}

/** The first of a schema's complaints. */
export const describeFirst = (error: z.ZodError, value: unknown): Described =>
  describeIssue(error.issues[0]!, value);

/** In a choice between forms, the complaint of the form that goes deepest into the value: the others are not meant. */
function nearest(issue: Issue, path: readonly PropertyKey[]): { issue: Issue; path: readonly PropertyKey[] } {
  const here = { issue, path: [...path, ...issue.path] };
  if (issue.code !== "invalid_union") return here;
  return issue.errors
    .flatMap(([first]) => (first === undefined ? [] : [nearest(first, here.path)]))
    .reduce((best, each) => (each.path.length > best.path.length ? each : best), here);
}

/** `labels[2].name`. */
export function fieldPath(parts: readonly PropertyKey[]): string {
  return parts
    .map((part, at) =>
      typeof part === "number" ? `[${part}]` : at === 0 ? String(part) : `.${String(part)}`,
    )
    .join("");
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case "invalid_type":
      return kinds()[issue.expected] ?? say`another value`;
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(say` or `);
    case "too_small":
      if (issue.origin === "string") return say`at least one character`;
      if (issue.origin === "array") return say`at least ${String(issue.minimum)}`;
      return issue.inclusive === true
        ? say`a number from ${String(issue.minimum)}`
        : say`a number above ${String(issue.minimum)}`;
    case "too_big":
      return issue.inclusive === true
        ? say`a number up to ${String(issue.maximum)}`
        : say`a number below ${String(issue.maximum)}`;
    case "unrecognized_keys":
      return say`no field ${issue.keys.map(quoted).join(", ")}`;
    case "invalid_union": {
      if ("options" in issue) return issue.options.map((option) => JSON.stringify(option)).join(say` or `);
      const forms = issue.errors.flatMap(([first]) => (first === undefined ? [] : [expectation(first)]));
      return forms.length === 0 ? say`another value` : [...new Set(forms)].join(say` or `);
    }
    case "invalid_format":
      return issue.pattern === undefined ? say`another text` : say`a text of the form ${issue.pattern}`;
    default:
      return say`another value`;
  }
}

/** What a schema's types are called. */
const kinds = (): Partial<Record<string, string>> => ({
  string: say`text in quotes`,
  number: say`a number`,
  int: say`a whole number`,
  boolean: say`true or false`,
  array: say`a list: […]`,
  object: say`an object: {…}`,
  record: say`an object: {…}`,
});
