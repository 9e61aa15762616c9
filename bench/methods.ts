/**
 * What a step of each way to tune costs, and the most memory that its run holds: short runs on a part of the sample, one
 * behind the other.
 *
 *     npx tsx bench/methods.ts [STEPS] [more options of plumb tune]
 *
 * Wants a build. Prints a table in Markdown: the median of the steps behind the first two, and the worker's own peak, with
 * scoring the test part and writing a checkpoint in it.
 */
import { spawn } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import * as z from "zod";
import { Report } from "../src/core/schema";
import { PROCESSOR, root } from "./lib/tune";

const WAYS: readonly (readonly string[])[] = [
  ["--method", "ptuning-bias"],
  ["--method", "full"],
  ["--method", "full", "--optimizer", "adamw-8bit"],
];
/** The first steps make buffers and products that the others use again. */
const WARM_UP = 2;
const EXAMPLES = 120;

const Line = z.union([
  z.looseObject({ type: z.literal("progress"), phase: z.literal("tune"), done: z.number() }),
  z.looseObject({ type: z.literal("done"), report: Report }),
  z.looseObject({ type: z.string() }),
]);

/** The sample's first texts as a task of their own: scoring its whole test part would take longer than the steps. */
async function cutSample(folder: string): Promise<string> {
  const sample = path.join(root, "media", "sample");
  const task = path.join(folder, "manipulation.plumb.json");
  await copyFile(path.join(sample, "manipulation.plumb.json"), task);
  const lines = (await readFile(path.join(sample, "manipulation.jsonl"), "utf8")).split("\n");
  await writeFile(path.join(folder, "manipulation.jsonl"), `${lines.slice(0, EXAMPLES).join("\n")}\n`);
  return task;
}

async function measure(
  task: string,
  out: string,
  options: readonly string[],
): Promise<{ times: number[]; report: Report }> {
  const args = [
    path.join(root, "dist", "cli.js"),
    "tune",
    task,
    "--out",
    out,
    "--json",
    ...PROCESSOR,
    ...options,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const times: number[] = [];
  let report: Report | null = null;
  let last = { done: 0, at: 0 };
  for await (const text of createInterface({ input: child.stdout })) {
    const line = Line.parse(JSON.parse(text));
    if ("report" in line) report = Report.parse(line.report);
    if (line.type !== "progress" || !("done" in line) || line.phase !== "tune") continue;
    const now = { done: Number(line.done), at: performance.now() };
    if (now.done === last.done + 1 && last.done >= WARM_UP) times.push(now.at - last.at);
    last = now;
  }
  if (report === null || times.length === 0)
    throw new Error(`plumb tune ${options.join(" ")} did not finish.`);
  return { times: times.sort((a, b) => a - b), report };
}

async function main(): Promise<void> {
  const [steps = "12", ...more] = process.argv.slice(2);
  const folder = await mkdtemp(path.join(tmpdir(), "plumb-methods-"));
  try {
    const task = await cutSample(folder);
    console.log(
      "| options | trained | a step | of it the fastest | peak memory |\n| --- | --- | --- | --- | --- |",
    );
    for (const [i, way] of WAYS.entries()) {
      // One look at the held-out part at the end of the run: none falls between two steps.
      const fixed = ["--steps", steps, "--evaluate-every", steps, "--seed", "0"];
      const { times, report } = await measure(task, path.join(folder, String(i)), [
        ...way,
        ...fixed,
        ...more,
      ]);
      const shown = [
        `\`${way.join(" ")}\``,
        report.run.trainedParameters.toLocaleString("en-GB"),
        `${(times[Math.floor(times.length / 2)]! / 1000).toFixed(2)} s`,
        `${(times[0]! / 1000).toFixed(2)} s`,
        `${(report.run.peakBytes / 2 ** 30).toFixed(2)} GiB`,
      ];
      console.log(`| ${shown.join(" | ")} |`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
