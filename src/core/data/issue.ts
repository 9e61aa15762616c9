import type * as z from "zod";
import { describeValue, quoted } from "./problem";
import { say } from "../say";

/** A schema's complaint as a sentence for a person: which field, what was found, what was expected. */
export function describeIssue(issue: z.core.$ZodIssue, value: unknown): { field: string; message: string } {
  const field = fieldPath(issue.path);
  const name = field === "" ? say`the whole` : say`field ${JSON.stringify(field)}`;
  const found = issue.path.reduce<unknown>(
    (inside, key) => (inside as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  );
  if (found === undefined && issue.path.length > 0 && issue.code !== "unrecognized_keys") {
    return { field, message: say`${name} is missing; expected ${expectation(issue)}.` };
  }
  return { field, message: say`${name}: found ${describeValue(found)}, expected ${expectation(issue)}.` };
}

/** `labels[2].name`. */
function fieldPath(parts: readonly PropertyKey[]): string {
  return parts
    .map((part, at) =>
      typeof part === "number" ? `[${part}]` : at === 0 ? String(part) : `.${String(part)}`,
    )
    .join("");
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "invalid_type":
      return kinds()[issue.expected] ?? issue.expected;
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
    case "invalid_union":
      return [
        ...new Set(
          issue.errors.map((errors) =>
            errors[0] === undefined ? say`another value` : expectation(errors[0]),
          ),
        ),
      ].join(say` or `);
    default:
      return issue.message;
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
});
