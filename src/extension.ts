import * as vscode from "vscode";
import { Checker } from "./host/checker";
import { LabelEditors } from "./host/label/editors";
import { ReportPanels } from "./host/report-panels";
import { Tuner } from "./host/tuner";

export function activate(context: vscode.ExtensionContext): void {
  const dist = (name: string) => context.asAbsolutePath(`dist/${name}`);
  const checker = new Checker(dist("cli.js"));
  const labels = new LabelEditors(vscode.Uri.file(dist("webview")), dist("worker.js"));
  const panels = new ReportPanels(vscode.Uri.file(dist("webview")), (file, task, id) =>
    labels.showExample(file, task, id),
  );
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
  );
}
