import type { z } from "zod";
import { describeValue, quoted } from "./problem";

/** A schema's complaint as a sentence for a person: which field, what was found, what was expected. */
export function describeIssue(issue: z.core.$ZodIssue, value: unknown): { field: string; message: string } {
  const field = fieldPath(issue.path);
  const name = field === "" ? "the whole" : `field ${JSON.stringify(field)}`;
  const found = issue.path.reduce<unknown>(
    (inside, key) => (inside as Record<PropertyKey, unknown> | null | undefined)?.[key],
    value,
  );
  if (found === undefined && issue.path.length > 0 && issue.code !== "unrecognized_keys") {
    return { field, message: `${name} is missing; expected ${expectation(issue)}.` };
  }
  return { field, message: `${name}: found ${describeValue(found)}, expected ${expectation(issue)}.` };
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
      return kinds[issue.expected] ?? issue.expected;
    case "invalid_value":
      return issue.values.map((value) => JSON.stringify(value)).join(" or ");
    case "too_small":
      if (issue.origin === "string") return "at least one character";
      if (issue.origin === "array") return `at least ${issue.minimum}`;
      return `a number ${issue.inclusive === true ? "from" : "above"} ${issue.minimum}`;
    case "too_big":
      return `a number ${issue.inclusive === true ? "up to" : "below"} ${issue.maximum}`;
    case "unrecognized_keys":
      return `no field ${issue.keys.map(quoted).join(", ")}`;
    case "invalid_union":
      return [
        ...new Set(
          issue.errors.map((errors) => (errors[0] === undefined ? "another value" : expectation(errors[0]))),
        ),
      ].join(" or ");
    default:
      return issue.message;
  }
}

const kinds: Partial<Record<string, string>> = {
  string: "text in quotes",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list: […]",
  object: "an object: {…}",
};
