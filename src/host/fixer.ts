import * as vscode from "vscode";
import { grouped } from "../core/say";
import { fixedLine, taskEdit } from "./fix-edits";
import type { Fix } from "./findings";

/** A row of the Problems view with what would mend it. */
export interface Fixable {
  readonly diagnostic: vscode.Diagnostic;
  readonly fixes: readonly Fix[];
  /** The task that was checked. */
  readonly task: vscode.Uri;
}

/** Quick fixes for what a check has found: changes that nobody has to think about. */
export class Fixer implements vscode.CodeActionProvider, vscode.Disposable {
  private readonly registered: vscode.Disposable;

  /** @param marksOf What stands in a file. */
  constructor(private readonly marksOf: (file: vscode.Uri) => readonly Fixable[]) {
    this.registered = vscode.languages.registerCodeActionsProvider(
      { scheme: "file", pattern: "**/*.{plumb.json,jsonl}" },
      this,
      { providedCodeActionKinds: [vscode.CodeActionKind.QuickFix] },
    );
  }

  dispose(): void {
    this.registered.dispose();
  }

  async provideCodeActions(document: vscode.TextDocument, range: vscode.Range): Promise<vscode.CodeAction[]> {
    const all = this.marksOf(document.uri);
    const here = all.filter(({ diagnostic }) => diagnostic.range.intersection(range) !== undefined);
    const actions: vscode.CodeAction[] = [];
    for (const mark of here) {
      for (const [at, fix] of mark.fixes.entries()) {
        const one = await actionFor(titleOf(fix), [{ mark, fix }], document);
        if (one === null) continue;
        // Which file was meant only the person knows.
        one.isPreferred = at === 0 && (fix.what !== "examples" || mark.fixes.length === 1);
        actions.push(one);
        const alike = fix.what === "label" ? sameFixes(all, fix) : [];
        if (alike.length < 2) continue;
        const title = vscode.l10n.t("Change all {0} “{1}” to “{2}”", grouped(alike.length), fix.from, fix.to);
        const every = await actionFor(title, alike, document);
        if (every !== null) actions.push(every);
      }
    }
    return actions;
  }
}

interface Wanted {
  readonly mark: Fixable;
  readonly fix: Fix;
}

const sameFixes = (all: readonly Fixable[], { what, from, to }: Fix): Wanted[] =>
  all.flatMap((mark) => {
    const fix = mark.fixes.find((one) => one.what === what && one.from === from && one.to === to);
    return fix === undefined ? [] : [{ mark, fix }];
  });

function titleOf(fix: Fix): string {
  switch (fix.what) {
    case "label":
      return vscode.l10n.t("Change to “{0}”", fix.to);
    case "repeat":
      return vscode.l10n.t("Take the second “{0}” away", fix.to);
    case "id":
      return vscode.l10n.t("Change the id to “{0}”", fix.to);
    case "field":
      return vscode.l10n.t("Move the answer to the field “{0}”", fix.to);
    case "aside":
      return vscode.l10n.t("Set the text aside: no run uses it then");
    case "add-label":
      return vscode.l10n.t("Add “{0}” to the labels of the task", fix.to);
    case "rename-field":
      return vscode.l10n.t("Rename the field to “{0}”", fix.to);
    case "examples":
      return vscode.l10n.t("Use “{0}” as the examples file", fix.to);
  }
}

/** Null where nothing is left to be changed: the file is another one by now. */
async function actionFor(
  title: string,
  wanted: readonly Wanted[],
  document: vscode.TextDocument,
): Promise<vscode.CodeAction | null> {
  const edit = new vscode.WorkspaceEdit();
  for (const { mark, fix } of wanted) {
    if ("id" in fix) {
      const { line } = mark.diagnostic.range.start;
      if (line >= document.lineCount) continue;
      const { text, range } = document.lineAt(line);
      const fixed = fixedLine(text, fix);
      if (fixed !== null) edit.replace(document.uri, range, fixed);
    } else {
      const task =
        mark.task.toString() === document.uri.toString()
          ? document
          : await vscode.workspace.openTextDocument(mark.task);
      const change = taskEdit(task.getText(), fix);
      if (change === null) continue;
      const range = new vscode.Range(task.positionAt(change.start), task.positionAt(change.end));
      edit.replace(task.uri, range, change.text);
    }
  }
  if (edit.size === 0) return null;
  const action = new vscode.CodeAction(title, vscode.CodeActionKind.QuickFix);
  action.edit = edit;
  action.diagnostics = wanted.map(({ mark }) => mark.diagnostic);
  return action;
}
