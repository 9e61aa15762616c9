import * as vscode from "vscode";
import { startJob } from "./core/tuning/worker-process";
import { SuggestionWriter } from "./host/adapter/label-with";
import { FilePredictor } from "./host/adapter/predict-file";
import type { StartJob } from "./host/adapter/process";
import { Checker } from "./host/checker";
import { LabelEditors } from "./host/label/editors";
import { Comparisons } from "./host/report/comparisons";
import { ReportPanels, type PanelOptions } from "./host/report-panels";
import { Tuner } from "./host/tuner";

export function activate(context: vscode.ExtensionContext): void {
  const dist = (name: string) => context.asAbsolutePath(`dist/${name}`);
  const checker = new Checker(dist("cli.js"));
  const labels = new LabelEditors(vscode.Uri.file(dist("webview")), dist("worker.js"));
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
  const tuner = new Tuner(dist("worker.js"), (run) => panels.show(run));
  const command = (name: string, handler: (called: unknown) => Promise<void>) =>
    vscode.commands.registerCommand(`plumb.${name}`, handler);
  context.subscriptions.push(
    checker,
    labels,
    panels,
    tuner,
    command("checkTask", (called) => checker.checkCommand(called)),
    command("labelExamples", (called) => labels.labelCommand(called)),
    command("openAsText", () => labels.textCommand()),
    command("tuneAdapter", (called) => tuner.tuneCommand(called)),
    command("openReport", (called) => panels.openCommand(called)),
    command("compareRuns", (called) => comparisons.compareCommand(called)),
    command("predictFile", (called) => predictor.command(called)),
    command("labelWithAdapter", (called) => suggestions.command(called)),
    command("exportReport", (called) => panels.exportCommand(called)),
  );
}
