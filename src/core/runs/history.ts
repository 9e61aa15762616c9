import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { RUN_FILES } from "../tuning/run-folder";

/** What a run has learned so far, step by step. */
export interface RunHistory {
  /** Loss behind a number of steps, in their order. */
  readonly losses: readonly { readonly step: number; readonly loss: number }[];
  readonly looks: readonly {
    readonly step: number;
    readonly loss: number;
    /** Macro F1; null for generation. */
    readonly score: number | null;
  }[];
}

/** Of the run's own training, as its log calls it; folds have other names. */
const PHASE = "Tuning";

const Entry = z.discriminatedUnion("event", [
  z.object({ event: z.literal("step"), phase: z.string(), step: z.number(), loss: z.number() }),
  z.object({
    event: z.literal("held-out"),
    phase: z.string(),
    step: z.number(),
    loss: z.number(),
    score: z.number().nullable(),
  }),
]);

/**
 * The history of a run that is gone on with, from its log. Steps that were done twice, because a process ended between two
 * checkpoints, count once. Lines that cannot be read are passed over: a kill may have cut the last one.
 */
export async function readHistory(folder: string): Promise<RunHistory> {
  const text = await readFile(path.join(folder, RUN_FILES.log), "utf8").catch(() => "");
  const losses = new Map<number, RunHistory["losses"][number]>();
  const looks = new Map<number, RunHistory["looks"][number]>();
  for (const line of text.split("\n")) {
    const entry = entryOf(line);
    if (entry?.phase !== PHASE) continue;
    const { step, loss } = entry;
    if (entry.event === "step") losses.set(step, { step, loss });
    else looks.set(step, { step, loss, score: entry.score });
  }
  const byStep = (a: { step: number }, b: { step: number }) => a.step - b.step;
  return { losses: [...losses.values()].sort(byStep), looks: [...looks.values()].sort(byStep) };
}

function entryOf(line: string): z.infer<typeof Entry> | null {
  try {
    return Entry.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
