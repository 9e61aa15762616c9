import type * as z from "zod";

type Issue = z.core.$ZodIssue;

/** What is wrong, where: in a choice between forms, with the form that the value comes nearest to. */
function nearest(issue: Issue, path: readonly PropertyKey[]): { issue: Issue; path: readonly PropertyKey[] } {
  const here = { issue, path: [...path, ...issue.path] };
  if (issue.code !== "invalid_union") return here;
  const found = issue.errors.flatMap(([first]) => (first === undefined ? [] : [nearest(first, here.path)]));
  const near = ({ issue: { code }, path: at }: (typeof found)[number]) =>
    2 * at.length + (code === "invalid_type" ? 0 : 1);
  return found.reduce((best, each) => (near(each) > near(best) ? each : best), found[0] ?? here);
}

const MOST_SHOWN = 60;

/** What is wrong with a file's content in half a sentence: `field "methods.0" is not valid (…, found "magic")`. */
export function fieldIssue(error: z.ZodError, content: unknown): string {
  const { issue, path } = nearest(error.issues[0]!, []);
  const value = path.reduce<unknown>(
    (at, key) =>
      typeof at === "object" && at !== null ? (at as Record<PropertyKey, unknown>)[key] : undefined,
    content,
  );
  const shown = value === undefined ? "" : JSON.stringify(value);
  const found = shown === "" || shown.length > MOST_SHOWN ? "" : `, found ${shown}`;
  return `field "${path.join(".")}" is not valid (${issue.message}${found})`;
}
