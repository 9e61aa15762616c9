import { copyFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import { sentenceOf } from "../../core/system-error";
import type { Figures } from "../locale";
import { runOf, taskOf } from "../task-files";
import type { RunningTasks } from "../tune/running-tasks";
import { AdaptersView } from "./adapters-view";
import { ModelsView } from "./models-view";
import { TasksView } from "./tasks-view";

/** Milliseconds from a change on the disk to a new look at it. */
const SETTLED = 400;

/** Plumb's part of the activity bar: tasks, adapters, base models, and what can be done with a run. */
export class Views implements vscode.Disposable {
  readonly tasks: TasksView;
  readonly adapters: AdaptersView;
  readonly models: ModelsView;
  private readonly subscriptions: readonly { dispose(): unknown }[];
  private due: NodeJS.Timeout | null = null;

  constructor(
    figures: Figures,
    running: RunningTasks,
    private readonly tools: {
      readonly showReport: (run: string) => Promise<void>;
      readonly resume: (task: vscode.Uri, run: string) => Promise<void>;
      /** Told when a run is gone. */
      readonly deleted: (run: string) => void;
    },
  ) {
    this.tasks = new TasksView(figures, running);
    this.adapters = new AdaptersView(figures);
    this.models = new ModelsView(figures);
    const watch = (pattern: string) => {
      const watcher = vscode.workspace.createFileSystemWatcher(pattern);
      const soon = () => this.refreshSoon();
      return [watcher, watcher.onDidCreate(soon), watcher.onDidChange(soon), watcher.onDidDelete(soon)];
    };
    this.subscriptions = [
      this.tasks,
      this.adapters,
      this.models,
      vscode.window.createTreeView("plumb.tasks", { treeDataProvider: this.tasks, showCollapseAll: true }),
      vscode.window.createTreeView("plumb.adapters", { treeDataProvider: this.adapters }),
      vscode.window.createTreeView("plumb.models", { treeDataProvider: this.models }),
      ...[
        "**/*.plumb.json",
        "**/*.jsonl",
        // The folder itself too: of one that comes with its files at once, an editor may tell no more.
        "**/.plumb/runs/*",
        "**/.plumb/runs/*/manifest.json",
        "**/.plumb/runs/*/report.json",
      ].flatMap(watch),
      running.onDidChange(() => this.refreshSoon()),
    ];
  }

  dispose(): void {
    if (this.due !== null) clearTimeout(this.due);
    for (const one of this.subscriptions) one.dispose();
  }

  refresh(): void {
    this.tasks.refresh();
    this.adapters.refresh();
    this.models.refresh();
  }

  private refreshSoon(): void {
    this.due ??= setTimeout(() => {
      this.due = null;
      this.refresh();
    }, SETTLED);
  }

  /** The command: the report of a run. */
  async openCommand(called: unknown): Promise<void> {
    const run = runOf(called);
    if (run !== undefined) await this.tools.showReport(run);
  }

  /** The command: goes on with a run that did not end. */
  async resumeCommand(called: unknown): Promise<void> {
    const [task, run] = [taskOf(called), runOf(called)];
    if (task !== undefined && run !== undefined) await this.tools.resume(task, run);
  }

  /** The command: takes a run away, with its adapter and its report, once the user has said so. */
  async deleteCommand(called: unknown): Promise<void> {
    const run = runOf(called);
    if (run === undefined) return;
    const away = vscode.l10n.t("Delete Run");
    const answer = await vscode.window.showWarningMessage(
      vscode.l10n.t("Delete the run {0} with its adapter and its report?", path.basename(run)),
      {
        modal: true,
        detail: vscode.l10n.t("Texts and labels stay. That its test part was looked at stays known."),
      },
      away,
    );
    if (answer !== away) return;
    await saying(async () => {
      const { deleteRun } = await import("../../core/runs/delete");
      await deleteRun(run);
      this.tools.deleted(run);
    });
    this.refresh();
  }

  /** The command: shows a run's folder where the system shows files; where its files are elsewhere, in the explorer. */
  async revealCommand(called: unknown): Promise<void> {
    const run = runOf(called);
    if (run === undefined) return;
    const isHere = vscode.env.uiKind === vscode.UIKind.Desktop && vscode.env.remoteName === undefined;
    await vscode.commands.executeCommand(
      isHere ? "revealFileInOS" : "revealInExplorer",
      vscode.Uri.file(path.join(run, "manifest.json")),
    );
  }

  /** The command: copies an adapter to where the user wants it. */
  async exportCommand(called: unknown): Promise<void> {
    const run = runOf(called);
    if (run === undefined) return;
    const name = `${path.basename(run)}.adapter.safetensors`;
    const target = await vscode.window.showSaveDialog({
      defaultUri: vscode.Uri.joinPath(vscode.Uri.file(run), "..", "..", "..", name),
      filters: { safetensors: ["safetensors"] },
      title: vscode.l10n.t("Export Adapter"),
    });
    if (target === undefined) return;
    await saying(async () => {
      const { RUN_FILES } = await import("../../core/tuning/run-folder");
      await copyFile(path.join(run, RUN_FILES.adapter), target.fsPath);
      const said = vscode.l10n.t(
        "Written: {0}. An adapter works only with the base model that it was tuned on.",
        target.fsPath,
      );
      void vscode.window.showInformationMessage(said);
    });
  }
}

async function saying(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    void vscode.window.showErrorMessage(sentenceOf(error));
  }
}
