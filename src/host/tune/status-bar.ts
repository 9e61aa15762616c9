import * as vscode from "vscode";
import { percentDone } from "../../percent";
import type { Figures } from "../locale";
import type { Desk } from "./desk";

/** Percentage, time left and held-out score of a run, in as few words as a status bar wants. */
export function runLine(desk: Desk, figures: Figures): string {
  const { run, stage } = desk.view();
  if (stage === "queued") return vscode.l10n.t("waiting");
  if (stage === "keeping" || stage === "cancelling") return vscode.l10n.t("stopping");
  if (run === null) return "";
  return [
    percentDone(run.share),
    ...(run.secondsLeft === null ? [] : [vscode.l10n.t("{0} left", figures.duration(run.secondsLeft))]),
    ...(run.score === null ? [] : [vscode.l10n.t("held-out F1 {0}", figures.score(run.score))]),
  ].join(" · ");
}

/** Runs under way, in the status bar; a click shows the page of the first. */
export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem("plumb.run", vscode.StatusBarAlignment.Left, 10);

  constructor(private readonly figures: Figures) {
    this.item.name = "Plumb";
    this.item.command = "plumb.showRun";
  }

  dispose(): void {
    this.item.dispose();
  }

  /** @param desks With a run under way or waiting, the first one first. */
  show(desks: readonly Desk[]): void {
    const [first] = desks;
    if (first === undefined) {
      this.item.hide();
      return;
    }
    const line = (desk: Desk) => `${desk.name}: ${runLine(desk, this.figures)}`;
    this.item.text = `$(beaker) ${line(first)}`;
    this.item.tooltip = desks.map(line).join("\n");
    this.item.accessibilityInformation = { label: line(first) };
    this.item.show();
  }
}
