import * as z from "zod";
import type { Fix as CoreFix } from "../core/data";
import { counted, say } from "../core/say";

const Fix = z.discriminatedUnion("what", [
  z.object({
    what: z.enum(["label", "repeat", "id", "field", "aside"]),
    from: z.string(),
    to: z.string(),
    id: z.string(),
    set: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    remove: z.array(z.string()),
  }),
  z.object({ what: z.enum(["add-label", "rename-field", "examples"]), from: z.string(), to: z.string() }),
]) satisfies z.ZodType<CoreFix>;
export type Fix = z.infer<typeof Fix>;

/** What `plumb check --json` prints where the task cannot be used at all. */
export const CheckRefusal = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    line: z.number().nullable(),
    fixes: z.exactOptional(z.array(Fix)),
  }),
});
export type CheckRefusal = z.infer<typeof CheckRefusal>;

/** What `plumb check --json` prints, as far as the editor shows it. */
export const CheckOutput = z.object({
  task: z.string(),
  runnable: z.boolean(),
  findings: z.array(
    z.object({
      severity: z.enum(["error", "warning", "info"]),
      code: z.string(),
      message: z.string(),
      places: z.array(
        z.object({
          file: z.string().nullable(),
          line: z.number().nullable(),
          message: z.string(),
          fixes: z.exactOptional(z.array(Fix)),
        }),
      ),
    }),
  ),
});
export type CheckOutput = z.infer<typeof CheckOutput>;

/** One row of the Problems view. `line` is counted from 0, as the editor counts. */
export interface Mark {
  readonly line: number;
  readonly severity: "error" | "warning" | "info";
  readonly code: string;
  readonly message: string;
  /** The likeliest first. */
  readonly fixes: readonly Fix[];
}

/** Marks of one finding that are shown at most: past these the list helps nobody. */
const MOST_MARKS = 200;

/** A check as rows of the Problems view, by file. What has no place of its own stands at the head of the task file. */
export function marksByFile(check: CheckOutput): Map<string, Mark[]> {
  const marks = new Map<string, Mark[]>();
  const add = (file: string | null, line: number | null, rest: Omit<Mark, "line">) => {
    const name = file ?? check.task;
    const list = marks.get(name) ?? [];
    list.push({ line: Math.max(0, (line ?? 1) - 1), ...rest });
    marks.set(name, list);
  };
  for (const { severity, code, message, places } of check.findings) {
    const inFiles = places.filter((place) => place.file);
    const elsewhere = places.filter((place) => !place.file).map((place) => place.message);
    if (inFiles.length === 0)
      add(null, null, { severity, code, message: [message, ...elsewhere].join("\n"), fixes: [] });
    for (const place of inFiles.slice(0, MOST_MARKS)) {
      const { fixes = [] } = place;
      const whole = `${sentence(place.message)}\n${message}`;
      add(place.file, place.line, { severity, code, message: whole, fixes });
    }
    const more = inFiles.length - MOST_MARKS;
    if (more > 0)
      add(null, null, {
        severity,
        code,
        message: `${message}\n${say`${counted(more, "more place is", "more places are")} not listed.`}`,
        fixes: [],
      });
  }
  return marks;
}

/** Counts of findings in words, e.g. `2 problems stop a run, 1 more is worth a look`; null where there is none of either. */
export function summary(check: CheckOutput): string | null {
  const count = (severity: Mark["severity"]) =>
    check.findings.filter((finding) => finding.severity === severity).length;
  const errors = count("error");
  const warnings = count("warning");
  const parts = [
    ...(errors > 0 ? [say`${counted(errors, "problem stops", "problems stop")} a run`] : []),
    ...(warnings === 0
      ? []
      : errors > 0
        ? [say`${counted(warnings, "more is", "more are")} worth a look`]
        : [say`${counted(warnings, "is", "are")} worth a look`]),
  ];
  return parts.length === 0 ? null : parts.join(", ");
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
