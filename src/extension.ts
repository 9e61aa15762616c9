import * as vscode from "vscode";
import { Checker } from "./host/checker";
import { LabelEditors } from "./host/label/editors";
import { NewTasks } from "./host/new-task/new-tasks";
import { ReportPanels } from "./host/report-panels";
import { watchModelsFolder } from "./host/settings";
import { TaskLenses } from "./host/task-lenses";
import { Tuner } from "./host/tune/tuner";
import { UnfinishedRuns } from "./host/tune/unfinished";

export function activate(context: vscode.ExtensionContext): void {
  const dist = (name: string) => context.asAbsolutePath(`dist/${name}`);
  const checker = new Checker(dist("cli.js"));
  const labels = new LabelEditors(vscode.Uri.file(dist("webview")), dist("worker.js"));
  const panels = new ReportPanels(vscode.Uri.file(dist("webview")), (file, task, id) =>
    labels.showExample(file, task, id),
  );
  const newTasks = new NewTasks(vscode.Uri.file(dist("webview")), dist("import-thread.js"));
  const unfinished = new UnfinishedRuns(context.workspaceState, (task, run) => tuner.resume(task, run));
  const tuner: Tuner = new Tuner(vscode.Uri.file(dist("webview")), dist("worker.js"), {
    showReport: (run) => panels.show(run),
    decided: (run) => unfinished.decided(run),
  });
  const command = (name: string, handler: (called: unknown) => Promise<void> | void) =>
    vscode.commands.registerCommand(`plumb.${name}`, handler);
  context.subscriptions.push(
    checker,
    labels,
    newTasks,
    panels,
    tuner,
    watchModelsFolder(),
    new TaskLenses((task) => tuner.lineOf(task), tuner.onDidChange),
    command("checkTask", (called) => checker.checkCommand(called)),
    command("newTask", (called) => newTasks.newTaskCommand(called)),
    command("labelExamples", (called) => labels.labelCommand(called)),
    command("openAsText", () => labels.textCommand()),
    command("tuneAdapter", (called) => tuner.tuneCommand(called)),
    command("openReport", (called) => panels.openCommand(called)),
    command("showRun", (called) => tuner.showCommand(called)),
    command("keepRun", (called) => tuner.keepCommand(called)),
    command("cancelRun", (called) => tuner.cancelCommand(called)),
    command("showLog", () => tuner.showLog()),
  );
  void unfinished.offer();
}
