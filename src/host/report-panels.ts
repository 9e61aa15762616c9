import { randomBytes } from "node:crypto";
import path from "node:path";
import * as vscode from "vscode";
import { z } from "zod";
import { loadTask, type LoadedExample } from "../core/data";
import { renderReport } from "../core/report";
import type { FromReport } from "../protocol";
import { panelPage } from "./panel-page";
import { finishedRuns, readReport, taskOfRun, type FinishedRun } from "./runs";
import { pickTask } from "./task-files";

const Message: z.ZodType<FromReport> = z.object({ type: z.literal("open-example"), id: z.string() });

/** Reports of runs as editor tabs, one for each run. */
export class ReportPanels implements vscode.Disposable {
  private readonly open = new Map<string, vscode.WebviewPanel>();

  /**
   * @param scripts Folder of the panels' browser code.
   * @param showExample Opens an example of a task in its file.
   */
  constructor(
    private readonly scripts: vscode.Uri,
    private readonly showExample: (file: vscode.Uri, task: vscode.Uri, id: string) => Promise<void>,
  ) {}

  dispose(): void {
    for (const panel of [...this.open.values()]) panel.dispose();
  }

  /** The command: the report of the task's only run, or of one that the user picks. */
  async openCommand(called: unknown): Promise<void> {
    const task = await pickTask(called);
    if (task === undefined) return;
    const runs = await finishedRuns(task.fsPath);
    if (runs.length === 0) {
      const tune = vscode.l10n.t("Tune Adapter");
      const message = vscode.l10n.t(
        "{0} has no report yet: a finished run writes one.",
        path.basename(task.fsPath),
      );
      if ((await vscode.window.showInformationMessage(message, tune)) === tune) {
        await vscode.commands.executeCommand("plumb.tuneAdapter", task);
      }
      return;
    }
    const run = runs.length === 1 ? runs[0] : await pickRun(runs);
    if (run !== undefined) await this.show(run.folder);
  }

  /** Shows the report of a run folder, or says why it cannot be read. */
  async show(run: string): Promise<void> {
    const shown = this.open.get(run);
    if (shown !== undefined) {
      shown.reveal();
      return;
    }
    let html: string;
    let name: string;
    const examples = await examplesOf(run);
    try {
      const report = await readReport(run);
      const texts = new Map([...report.rows, ...report.suspects].flatMap(({ id }) => textOf(examples, id)));
      html = renderReport(report, { texts });
      name = report.task.name;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      await vscode.window.showErrorMessage(vscode.l10n.t("Cannot show the report of {0}: {1}", run, reason));
      return;
    }
    const panel = vscode.window.createWebviewPanel(
      "plumb.report",
      vscode.l10n.t("{0}: report", name),
      vscode.ViewColumn.Active,
      { enableScripts: true, enableFindWidget: true, localResourceRoots: [this.scripts] },
    );
    this.open.set(run, panel);
    panel.onDidDispose(() => this.open.delete(run));
    panel.webview.onDidReceiveMessage(async (raw: unknown) => {
      const message = Message.safeParse(raw);
      if (message.success) await this.openExample(run, examples.get(message.data.id), message.data.id);
    });
    const script = panel.webview.asWebviewUri(vscode.Uri.joinPath(this.scripts, "report.js"));
    panel.webview.html = panelPage(html, {
      nonce: randomBytes(16).toString("hex"),
      script: script.toString(),
    });
  }

  private async openExample(run: string, example: LoadedExample | undefined, id: string): Promise<void> {
    if (example === undefined) {
      void vscode.window.showWarningMessage(
        vscode.l10n.t("Example {0} is no longer in the task's files.", id),
      );
      return;
    }
    await this.showExample(vscode.Uri.file(example.file), vscode.Uri.file(await taskOfRun(run)), id);
  }
}

async function pickRun(runs: readonly FinishedRun[]): Promise<FinishedRun | undefined> {
  const items = runs.map((run) => ({
    label: new Date(run.report.run.startedAt).toLocaleString(),
    description: run.report.run.method,
    detail: run.report.verdict.sentence,
    run,
  }));
  return (await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t("Which run?") }))?.run;
}

/** Examples of the run's task by id; none where the task's files are gone: the report does without the texts then. */
async function examplesOf(run: string): Promise<ReadonlyMap<string, LoadedExample>> {
  try {
    const { examples } = await loadTask(await taskOfRun(run));
    return new Map(examples.map((example) => [example.id, example]));
  } catch {
    return new Map();
  }
}

function textOf(examples: ReadonlyMap<string, LoadedExample>, id: string): [string, string][] {
  const example = examples.get(id);
  return example === undefined ? [] : [[id, example.text]];
}
