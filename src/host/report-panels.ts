import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { loadTask } from "../core/data";
import { languageFor, saidVerdict, withColors } from "../core/report";
import type { Label } from "../core/schema";
import type { FromWorker, Job } from "../core/tuning/protocol";
import { judgedTexts } from "../core/runs/judged-texts";
import { headlineOf } from "../core/runs/list";
import { spokenLanguage } from "../core/say";
import { readManifest, RUN_FILES } from "../core/tuning/run-folder";
import { startJob } from "../core/tuning/worker-process";
import { sentenceOf } from "../core/system-error";
import type { FromReport } from "../protocol";
import type { LabelEditors } from "./label/editors";
import { Suggester } from "./label/suggester";
import {
  giveOut,
  openedMessage,
  openPanel,
  pageOfRun,
  saveAs,
  sayExported,
  shownRun,
  textsMessage,
  type ReportCommands,
  type ShownRun,
  type ShownTexts,
} from "./report/panel";
import { Tries } from "./report/tries";
import { finishedRuns, readReport, taskOfRun, type FinishedRun } from "./runs";
import { Figures } from "./locale";
import { runSettings } from "./settings";
import { pickTask, runOf } from "./task-files";
import { scoreWords } from "./tree/run-item";
import { wishesOf } from "./tune/jobs";

/** An adapter that nobody asks any more gives its memory back after this many milliseconds. */
const IDLE = 3 * 60_000;

export interface PanelOptions {
  /** Folder of the panels' browser code. */
  readonly pages: vscode.Uri;
  /** dist/worker.js. */
  readonly worker: string;
  /** Opens an example of a task in its file. */
  readonly showExample: LabelEditors["showExample"];
}

/** Reports of runs as editor tabs, one for each run. */
export class ReportPanels implements vscode.Disposable {
  private readonly open = new Map<string, vscode.WebviewPanel>();

  /** @param commands What the panels' buttons do; `export` is theirs. */
  constructor(
    private readonly options: PanelOptions,
    private readonly commands: Omit<ReportCommands, "export">,
  ) {}

  dispose(): void {
    for (const panel of [...this.open.values()]) panel.dispose();
  }

  /** The command: the report of a run that it is called on, of the task's only run, or of one that the user picks. */
  async openCommand(called: unknown): Promise<void> {
    const run = await pickRun(called);
    if (run !== undefined) await this.show(run);
  }

  /** The command: the report's page as a file of its own. */
  async exportCommand(called: unknown): Promise<void> {
    const run = await pickRun(called);
    const shown = run === undefined ? undefined : await this.read(run);
    if (shown !== undefined) await this.export(shown);
  }

  /** Closes the page of a run that was taken away. */
  close(run: string): void {
    this.open.get(run)?.dispose();
  }

  /** Shows the report of a run folder, or says why it cannot be read. */
  async show(run: string): Promise<void> {
    const known = this.open.get(run);
    if (known !== undefined) {
      known.reveal();
      return;
    }
    const shown = await this.read(run);
    if (shown === undefined) return;
    const started = (job: Job, listen: (message: FromWorker) => void) =>
      startJob(this.options.worker, job, listen);
    const suggester = new Suggester(started, run, wishesOf(runSettings(vscode.Uri.file(run))));
    let idle: NodeJS.Timeout | undefined;
    const { task, run: made } = shown.report;
    // Dated as in the tree: reports of one task stand side by side.
    const date = new Figures().date(made.startedAt) || made.id;
    const title = vscode.l10n.t("{0}: report, {1}", task.name, date);
    const { panel, show, post } = openPanel(title, this.options.pages, (message) => {
      if (message.type === "try") {
        clearTimeout(idle);
        idle = setTimeout(() => suggester.dispose(), IDLE);
        void tries.take(message.text);
      } else if (message.type === "ready") post(openedMessage(shown, "report"));
      else if (message.type === "texts") post(textsMessage(message.ask, message.cell, shown));
      else void this.take(message, shown);
    });
    const tries = new Tries((text) => suggester.ask(text), post);
    this.open.set(run, panel);
    panel.onDidDispose(() => {
      clearTimeout(idle);
      suggester.dispose();
      this.open.delete(run);
    });
    show(pageOfRun(shown));
  }

  private async take(message: FromReport, shown: ShownRun): Promise<void> {
    switch (message.type) {
      case "open-example":
        return openExample(message.id, shown, this.options);
      case "copy":
      case "save":
        return giveOut(message);
      case "command":
        if (message.command === "export") return this.export(shown);
        if (!(await isRun(shown.folder))) {
          sayGone(shown.folder);
          return;
        }
        return this.commands[message.command](shown);
      default:
        return;
    }
  }

  private async read(run: string): Promise<ShownRun | undefined> {
    try {
      const { labels, ...texts } = await taskNow([run]);
      const report = await readReport(run);
      return await shownRun(run, labels === null ? report : withColors(report, labels), texts);
    } catch (error) {
      const reason = sentenceOf(error);
      await vscode.window.showErrorMessage(vscode.l10n.t("Cannot show the report of {0}: {1}", run, reason));
      return undefined;
    }
  }

  private async export(shown: ShownRun): Promise<void> {
    const name = `${shown.report.task.name.replace(/[^\p{L}\p{N}]+/gu, "-")}-${shown.report.run.id}.html`;
    const page = Buffer.from(pageOfRun(shown), "utf8");
    const file = await saveAs(name, page, { HTML: ["html"] });
    if (file !== undefined) await sayExported(file);
  }
}

/** Opens an example that a panel names in the label editor. */
export async function openExample(
  id: string,
  { folder, examples }: Pick<ShownRun, "folder" | "examples">,
  { showExample }: Pick<PanelOptions, "showExample">,
): Promise<void> {
  const example = examples.get(id);
  if (example === undefined) {
    const message = vscode.l10n.t("Example {0} is no longer in the task's files.", id);
    void vscode.window.showWarningMessage(message);
    return;
  }
  const task = await taskOfRun(folder).catch(() => null);
  if (task === null) sayGone(folder);
  else await showExample(vscode.Uri.file(example.file), vscode.Uri.file(task), { id });
}

/** Says that a run was taken away while its page was open. */
function sayGone(folder: string): void {
  const gone = vscode.l10n.t(
    "The run {0} is no longer there: only what this page shows is left of it.",
    path.basename(folder),
  );
  void vscode.window.showErrorMessage(gone);
}

/** The run folder that a command means: of the item of the tree that it was called on, the task's only one, or one that the user picks. */
export async function pickRun(called: unknown): Promise<string | undefined> {
  const run = runOf(called);
  if (run !== undefined) return run;
  const task = await pickTask(called);
  if (task === undefined) return undefined;
  const runs = await finishedRuns(task.fsPath);
  if (runs.length === 0) {
    await sayNoRuns(task);
    return undefined;
  }
  if (runs.length === 1) return runs[0]!.folder;
  const placeHolder = vscode.l10n.t("Which run?");
  return (await vscode.window.showQuickPick(runs.map(runItem), { placeHolder }))?.run.folder;
}

/** Says that a task has no finished run, and offers to make one. */
export async function sayNoRuns(task: vscode.Uri): Promise<void> {
  const tune = vscode.l10n.t("Tune Adapter");
  const name = path.basename(task.fsPath);
  const message = vscode.l10n.t("{0} has no finished run yet: a run makes the adapter and the report.", name);
  if ((await vscode.window.showInformationMessage(message, tune)) !== tune) return;
  await vscode.commands.executeCommand("plumb.tuneAdapter", task);
}

/** A run in a list to pick from. */
export function runItem(run: FinishedRun) {
  const { report } = run;
  const figures = new Figures();
  const score = scoreWords(headlineOf(report), figures);
  return {
    label: [new Date(report.run.startedAt).toLocaleString(spokenLanguage()), score]
      .filter(Boolean)
      .join(" · "),
    description: report.run.method,
    detail: saidVerdict({ report, language: languageFor(spokenLanguage()) }),
    run,
  };
}

function isRun(folder: string): Promise<boolean> {
  return stat(path.join(folder, RUN_FILES.manifest)).then(
    () => true,
    () => false,
  );
}

/** What a report takes of the task as it is now. */
interface TaskNow extends ShownTexts {
  /** Null where the task's files are gone. */
  readonly labels: readonly Label[] | null;
}

/**
 * Of the task that runs are of; no texts where its files are gone: the report does without them then.
 * @param runs Folders; a manifest of another version does not say which texts were judged.
 */
export async function taskNow(runs: readonly [string, ...string[]]): Promise<TaskNow> {
  try {
    const { task, examples } = await loadTask(await taskOfRun(runs[0]));
    const manifests = await Promise.all(runs.map((run) => readManifest(run).catch(() => ({}))));
    return {
      examples: new Map(examples.map((example) => [example.id, example])),
      texts: judgedTexts(examples, manifests),
      labels: task.labels ?? [],
    };
  } catch {
    return { examples: new Map(), texts: new Map(), labels: null };
  }
}
