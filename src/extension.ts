import * as vscode from "vscode";
import { Checker } from "./host/checker";
import { ReportPanels } from "./host/report-panels";
import { Tuner } from "./host/tuner";

export function activate(context: vscode.ExtensionContext): void {
  const dist = (name: string) => context.asAbsolutePath(`dist/${name}`);
  const checker = new Checker(dist("cli.js"));
  const panels = new ReportPanels(vscode.Uri.file(dist("webview")));
  const tuner = new Tuner(dist("worker.js"), (run) => panels.show(run));
  const command = (name: string, handler: (called: unknown) => Promise<void>) =>
    vscode.commands.registerCommand(`plumb.${name}`, handler);
  context.subscriptions.push(
    checker,
    panels,
    tuner,
    command("checkTask", (called) => checker.checkCommand(called)),
    command("tuneAdapter", (called) => tuner.tuneCommand(called)),
    command("openReport", (called) => panels.openCommand(called)),
  );
}
