import * as vscode from "vscode";
import { startJob } from "./core/tuning/worker-process";
import { SuggestionWriter } from "./host/adapter/label-with";
import { FilePredictor } from "./host/adapter/predict-file";
import type { StartJob } from "./host/adapter/process";
import { Checker } from "./host/checker";
import { LabelEditors } from "./host/label/editors";
import { NewTasks } from "./host/new-task/new-tasks";
import { speakAsTheEditor } from "./host/language";
import { Figures } from "./host/locale";
import { ModelCommands } from "./host/models/commands";
import { Sample } from "./host/sample";
import { watchModelsFolder } from "./host/settings";
import { TaskLenses } from "./host/task-lenses";
import { Views } from "./host/tree/views";
import { Tuner } from "./host/tune/tuner";
import { UnfinishedRuns } from "./host/tune/unfinished";
import { Comparisons } from "./host/report/comparisons";
import { ReportPanels, type PanelOptions } from "./host/report-panels";

export function activate(context: vscode.ExtensionContext): void {
  speakAsTheEditor();
  const dist = (name: string) => context.asAbsolutePath(`dist/${name}`);
  const checker = new Checker(dist("cli.js"));
  const labels = new LabelEditors(vscode.Uri.file(dist("webview")), {
    worker: dist("worker.js"),
    reach: dist("reach-thread.js"),
  });
  const shared: PanelOptions = {
    pages: vscode.Uri.file(dist("webview")),
    worker: dist("worker.js"),
    showExample: (file, task, id) => labels.showExample(file, task, id),
  };
  const start: StartJob = (job, listen) => startJob(shared.worker, job, listen);
  const predictor = new FilePredictor(start);
  const suggestions = new SuggestionWriter(start, (file, task) => labels.review(file, task));
  const comparisons = new Comparisons(shared);
  const panels = new ReportPanels(shared, {
    compare: (run) => comparisons.compareWith(run),
    predict: ({ folder }) => predictor.predict(folder),
    label: ({ folder }) => suggestions.label(folder),
  });
  const newTasks = new NewTasks(vscode.Uri.file(dist("webview")), dist("import-thread.js"));
  const unfinished = new UnfinishedRuns(context.workspaceState, (task, run) => tuner.resume(task, run));
  const tuner: Tuner = new Tuner(vscode.Uri.file(dist("webview")), dist("worker.js"), {
    showReport: (run) => panels.show(run),
    decided: (run) => unfinished.decided(run),
  });
  const figures = new Figures(vscode.env.language);
  const views = new Views(figures, (task) => tuner.isRunning(task), {
    showReport: (run) => panels.show(run),
    resume: (task, run) => tuner.resume(task, run),
    onDidRun: tuner.onDidRun,
  });
  const models = new ModelCommands(dist("cli.js"), figures, () => {
    views.models.refresh();
    tuner.modelsChanged();
  });
  const sample = new Sample(context.asAbsolutePath("media/sample"), context.globalState);
  const command = (name: string, handler: (called: unknown) => Promise<void> | void) =>
    vscode.commands.registerCommand(`plumb.${name}`, handler);
  context.subscriptions.push(
    checker,
    labels,
    newTasks,
    panels,
    tuner,
    watchModelsFolder(),
    views,
    models,
    new TaskLenses((task) => tuner.isRunning(task), tuner.onDidRun),
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
    command("refresh", () => views.refresh()),
    command("openRun", (called) => views.openCommand(called)),
    command("resumeRun", (called) => views.resumeCommand(called)),
    command("deleteRun", (called) => views.deleteCommand(called)),
    command("revealRun", (called) => views.revealCommand(called)),
    command("exportAdapter", (called) => views.exportCommand(called)),
    command("getModel", () => models.getCommand()),
    command("inspectModel", (called) => models.inspectCommand(called)),
    command("removeModel", (called) => models.removeCommand(called)),
    command("openSample", () => sample.openCommand()),
    command("compareRuns", (called) => comparisons.compareCommand(called)),
    command("predictFile", (called) => predictor.command(called)),
    command("labelWithAdapter", (called) => suggestions.command(called)),
    command("exportReport", (called) => panels.exportCommand(called)),
  );
  void sample.showAfterOpening();
  void unfinished.offer();
}
