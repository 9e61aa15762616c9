import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { cannotRead, quoted } from "../core/data";
import { PlumbError } from "../core/errors";
import { decide } from "../core/report";
import type { FromWorker } from "../core/tuning/protocol";
import type { RunningJob } from "../core/tuning/worker-process";
import { addEngineOptions, engineWishes, share, type EngineFlags } from "./options";
import { EXIT, runInWorker } from "./run-worker";
import { textBatches, type Asked } from "./texts";

/** Batches that may be under way: enough to keep the worker busy, little to hold. */
const UNDER_WAY = 3;

interface PredictFlags extends EngineFlags {
  base?: string;
  abstainBelow?: number;
}

type Opened = Extract<FromWorker, { type: "opened" }>;
type Row = Extract<FromWorker, { type: "predictions" }>["rows"][number];

/** `plumb predict`: answers for new texts. */
export function register(program: Command): void {
  const command = program
    .command("predict")
    .summary("label new texts")
    .description(
      'Reads texts, one a line or as JSON Lines with a field "text", from a file or from standard input, and writes one JSON object a line with the answer and the probability of every label.',
    )
    .argument("<run>", "run folder or adapter file")
    .argument("[file]", "texts (default: standard input)")
    .option("--abstain-below <probability>", "give no label that is less probable than this", share)
    .option("--base <model>", "base model: a name or a path (default: the run's own)");
  addEngineOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  plumb predict .plumb/runs/2026-01-31T09-00-00Z-ptuning-bias new.txt --abstain-below 0.7 > labels.jsonl
  echo "Only two left!" | plumb predict run-folder

Standard output, for each text: {"line": 1, "label": "pressure", "probability": 0.91, "scores": {...}}, with "id" in
place of "line" where the input has one; "labels" for a multi-label task; "output" for a generated answer.
With --abstain-below the label is null and "abstained" true where it is not sure enough; a multi-label task lists the
labels left open in "abstained". "cut" is true where a text was too long and lost its middle.
Exit code: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.`,
    )
    .action(async (run: string, file: string | undefined, flags: PredictFlags) => {
      if (file !== undefined) await expectFile(file);
      await new Conversation(run, file, flags).hold();
    });
}

const rounded = (p: number) => Math.round(p * 1e6) / 1e6;

/** The answer to one text, as it is printed. */
export function answerRow(
  { name }: Asked,
  row: Row,
  opened: Pick<Opened, "kind" | "labels" | "thresholds">,
  abstainBelow: number,
): Record<string, unknown> {
  const cut = row.cut ? { cut: true } : {};
  const p = row.scores;
  if (p === undefined) return { ...name, output: row.output ?? "", ...cut };
  const scores = Object.fromEntries(opened.labels.map((label, i) => [label, rounded(p[i] ?? 0)]));
  if (opened.kind === "multi") {
    const thresholds = opened.labels.map((_, i) => ({ value: opened.thresholds?.[i] ?? 0.5 }));
    const given = decide(p, thresholds);
    const isSure = (i: number) => (given.includes(i) ? p[i]! : 1 - p[i]!) >= abstainBelow;
    const labels = given.filter(isSure).map((i) => opened.labels[i]);
    const abstained = opened.labels.filter((_, i) => !isSure(i));
    return { ...name, labels, ...(abstained.length > 0 ? { abstained } : {}), scores, ...cut };
  }
  const best = decide(p, null)[0] ?? 0;
  const probability = p[best] ?? 0;
  const answer =
    probability < abstainBelow ? { label: null, abstained: true } : { label: opened.labels[best] ?? null };
  return { ...name, ...answer, probability: rounded(probability), scores, ...cut };
}

/** Texts to the worker, answers to standard output, neither faster than the other side can take them. */
class Conversation {
  private readonly waiting = new Map<number, Asked[]>();
  private opened: Opened | null = null;
  private answered = 0;
  private failure: Error | null = null;
  private wake: () => void = () => undefined;
  private readonly input;
  private readonly source: string;

  constructor(
    private readonly run: string,
    file: string | undefined,
    private readonly flags: PredictFlags,
  ) {
    this.source = file ?? "standard input";
    this.input = file === undefined ? process.stdin : createReadStream(file);
  }

  async hold(): Promise<void> {
    const { base } = this.flags;
    const job = runInWorker(
      {
        type: "predict",
        adapter: path.resolve(this.run),
        engine: engineWishes(this.flags),
        ...(base === undefined ? {} : { base }),
      },
      (message, running) => {
        if (message.type === "opened") {
          this.opened = message;
          void this.feed(running);
        } else if (message.type === "predictions") this.print(message);
      },
      { quiet: false },
    );
    const end = await job.finally(() => {
      // An open terminal or pipe would keep this process waiting.
      this.input.destroy();
    });
    if (end.kind === "paused" || end.result.early) {
      process.exitCode = EXIT.interrupted;
      return;
    }
    if (this.failure !== null) throw this.failure;
    if (this.answered === 0) {
      throw new PlumbError("input", `${this.source} has no text in it. Expected one text a line.`);
    }
  }

  private async feed(running: RunningJob): Promise<void> {
    try {
      let number = 0;
      for await (const batch of textBatches(this.input as AsyncIterable<Uint8Array>, this.source)) {
        while (this.waiting.size >= UNDER_WAY) await new Promise<void>((resolve) => (this.wake = resolve));
        this.waiting.set(number, batch);
        running.send(
          number++,
          batch.map(({ text }) => text),
        );
      }
    } catch (error) {
      this.failure = error instanceof Error ? error : new Error(String(error));
    } finally {
      running.end();
    }
  }

  private print({ number, rows }: Extract<FromWorker, { type: "predictions" }>): void {
    const { opened } = this;
    const asked = this.waiting.get(number);
    if (opened === null || asked === undefined) return;
    this.waiting.delete(number);
    this.answered += rows.length;
    const lines = rows.map((row, i) => answerRow(asked[i]!, row, opened, this.flags.abstainBelow ?? 0));
    const room = process.stdout.write(lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    if (room) this.wake();
    else void once(process.stdout, "drain").then(() => this.wake());
  }
}

/** @throws PlumbError unless there are texts in the place of that name; a text itself may have been given for it. */
export async function expectFile(file: string): Promise<void> {
  const found = await stat(file).catch((error: unknown) => {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && code !== "ENAMETOOLONG") throw cannotRead(file, error);
    const named = code === "ENOENT" ? file : quoted(file);
    throw new PlumbError(
      "input",
      `${named} does not exist. Name a file of texts, one a line; a text itself comes from standard input: echo "Only two left!" | plumb predict RUN`,
      { cause: error },
    );
  });
  if (found.isDirectory()) throw new PlumbError("input", `${file} is a folder; expected a file of texts.`);
}
