import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { loadTask } from "../core/data";
import { PlumbError } from "../core/errors";
import { writeFileAtomic } from "../core/files";
import { isFolderLocked } from "../core/lock";
import {
  compareReports,
  renderComparisonText,
  renderReport,
  renderReportText,
  withColors,
} from "../core/report";
import { judgedTexts, type JudgedTexts } from "../core/runs/judged-texts";
import { findTask } from "../core/runs/task-of-run";
import { Report, type Label } from "../core/schema";
import { readManifest, RUN_FILES, writing } from "../core/tuning/run-folder";
import { reportWidth } from "./terminal";
import { shellWord } from "../core/shell";

interface ReportFlags {
  json?: true;
  html?: string;
}

/** `plumb report`: a finished run's report as text, JSON or a page; two runs compared. */
export function register(program: Command): void {
  program
    .command("report")
    .summary("show the report of a run, or compare two")
    .description(
      "Prints what a run gets right, with intervals and beside its rivals. With a second run of the same task: which of the two is better, by paired tests on the test texts that both have.",
    )
    .argument("<run>", "run folder (.plumb/runs/...), or a report.json")
    .argument("[other]", "a second run to compare with")
    .option("--json", "print the report (or the comparison) as JSON")
    .option("--html <file>", "write the report as one self-contained page")
    .addHelpText(
      "after",
      `
Example:
  plumb report .plumb/runs/2026-11-25T17-30-12Z-ptuning-bias
  plumb report .plumb/runs/RUN --html report.html
  plumb report .plumb/runs/RUN .plumb/runs/OTHER`,
    )
    .action(async (run: string, other: string | undefined, flags: ReportFlags, command: Command) => {
      const report = await readReport(run);
      if (other !== undefined) {
        if (flags.html !== undefined)
          command.error("error: --html writes the report of one run; two were given");
        const comparison = compareReports(report, await readReport(other));
        process.stdout.write(
          flags.json === true ? `${JSON.stringify(comparison, null, 2)}\n` : renderComparisonText(comparison),
        );
        return;
      }
      const page = flags.html;
      if (page !== undefined) {
        await checkFolder(page);
        const task = await taskOf(run);
        const shown = task === null ? report : withColors(report, task.labels);
        const html = renderReport(shown, { texts: task?.texts ?? new Map() });
        await writing(page, () => writeFileAtomic(page, html));
        process.stderr.write(`Written: ${page}\n`);
      }
      if (flags.json === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
      else if (page === undefined) {
        process.stdout.write(`${renderReportText(report, reportWidth(process.stdout))}${await pageOf(run)}`);
      }
    });
}

const isFile = async (file: string): Promise<boolean> =>
  (await stat(file).catch(() => null))?.isFile() ?? false;

const folderOf = async (run: string): Promise<string> => ((await isFile(run)) ? path.dirname(run) : run);

/** Throws PlumbError where a file cannot be written because its folder is not there, or it is a folder itself. */
async function checkFolder(file: string): Promise<void> {
  const isFolder = async (place: string) => (await stat(place).catch(() => null))?.isDirectory() ?? false;
  if (await isFolder(file)) {
    throw new PlumbError("write", `Cannot write ${file}: it is a folder. Give the name of a file.`);
  }
  const folder = path.dirname(file);
  if (await isFolder(folder)) return;
  throw new PlumbError("write", `Cannot write ${file}: there is no folder ${folder}. Make it first.`);
}

/** Reads a report. Throws PlumbError where there is none, or the file is not one. */
async function readReport(run: string): Promise<Report> {
  const file = (await isFile(run)) ? run : path.join(run, RUN_FILES.report);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") {
      throw new PlumbError("report-read", `Cannot read ${file}: no permission.`, { cause: error });
    }
    const state = await runState(run);
    throw new PlumbError("report-missing", `There is no report in ${run}: ${state}`, { cause: error });
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new PlumbError(
      "report-read",
      `Cannot read ${file}: it is not JSON. Run \`plumb eval\` to make it anew.`,
      {
        cause: error,
      },
    );
  }
  const parsed = Report.safeParse(content);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new PlumbError(
    "report-read",
    `Cannot read ${file}: it is not a report of this version (${issue?.path.join(".") || "whole file"}: ${issue?.message ?? "unknown"}). Run \`plumb eval\` to make it anew.`,
  );
}

/** Why a folder has no report, and what to do, as the rest of a sentence. */
async function runState(run: string): Promise<string> {
  if ((await stat(run).catch(() => null)) === null)
    return "no such folder. Runs stand in .plumb/runs beside the task file.";
  if ((await stat(path.join(run, RUN_FILES.manifest)).catch(() => null)) === null)
    return "it is not a run folder. Runs stand in .plumb/runs beside the task file.";
  const manifest = await readManifest(run).catch((error: unknown) => {
    if (error instanceof PlumbError) return error.message;
    throw error;
  });
  if (typeof manifest === "string") return `the run cannot be read. ${manifest}`;
  if (manifest.status === "finished") return "the file is gone. Make it anew with `plumb eval`.";
  return (await isFolderLocked(run))
    ? "the run is being worked on. Its report is written when it ends."
    : `the run has not finished (${manifest.status}). Go on with \`plumb tune --resume ${shellWord(run)}\`.`;
}

/** The run's task as it is now. */
interface TaskNow {
  /** Its texts by id. */
  readonly texts: JudgedTexts;
  readonly labels: readonly Label[];
}

/** Null, with a word on standard error, where it cannot be found any more. */
async function taskOf(run: string): Promise<TaskNow | null> {
  const folder = await folderOf(run);
  const manifest = await readManifest(folder).catch((error: unknown) => {
    if (error instanceof PlumbError) return null;
    throw error;
  });
  if (manifest === null) {
    process.stderr.write(
      "The report stands without its run folder: the page will show ids instead of texts.\n",
    );
    return null;
  }
  try {
    const { task, examples } = await loadTask(await findTask(folder, manifest.task));
    return { texts: judgedTexts(examples, [manifest]), labels: task.labels ?? [] };
  } catch (error) {
    if (!(error instanceof PlumbError)) throw error;
    process.stderr.write(`The page will show ids instead of texts. ${error.message}\n`);
    return null;
  }
}

/** A closing line that says where the page is, where there is one. */
async function pageOf(run: string): Promise<string> {
  const page = path.join(await folderOf(run), RUN_FILES.page);
  return (await isFile(page)) ? `\nReport: ${page}\n` : "";
}
