import { execFile, type ChildProcess } from "node:child_process";
import path from "node:path";
import * as vscode from "vscode";
import { say } from "../core/say";
import { sentenceOf } from "../core/system-error";
import { CheckOutput, CheckRefusal, marksByFile, summary, type Mark } from "./findings";
import { Fixer, type Fixable } from "./fixer";
import { commandLineEnvironment } from "./language";
import { pickTask, saveBeforeReading } from "./task-files";

const SEVERITY: Readonly<Record<Mark["severity"], vscode.DiagnosticSeverity>> = {
  error: vscode.DiagnosticSeverity.Error,
  warning: vscode.DiagnosticSeverity.Warning,
  info: vscode.DiagnosticSeverity.Information,
};
const PAST_ANY_LINE = 10_000;
/** Quiet after the last save before a task is checked again, in milliseconds. */
const QUIET = 800;

/**
 * Checks tasks with the command line, in a process of its own, and keeps what it found in the Problems view, with quick
 * fixes. A task is checked when its file is opened, and once it was checked, again whenever one of its files is saved.
 */
export class Checker implements vscode.Disposable {
  private readonly collection = vscode.languages.createDiagnosticCollection("plumb");
  /** Task file → what it has in each file. */
  private readonly checked = new Map<string, ReadonlyMap<string, readonly Fixable[]>>();
  /** Task file → the check that is to begin. */
  private readonly waiting = new Map<string, NodeJS.Timeout>();
  /** Task file → the process that checks it. */
  private readonly running = new Map<string, ChildProcess>();
  private readonly disposables: { dispose(): unknown }[];

  constructor(private readonly cli: string) {
    this.disposables = [
      vscode.workspace.onDidOpenTextDocument((document) => this.onOpen(document)),
      vscode.workspace.onDidSaveTextDocument((document) => this.onSave(document.fileName)),
      vscode.workspace.onDidChangeTextDocument((event) => this.onChange(event)),
      new Fixer((file) => this.marksIn(file)),
      this.collection,
    ];
    for (const document of vscode.workspace.textDocuments) this.onOpen(document);
  }

  dispose(): void {
    for (const timer of this.waiting.values()) clearTimeout(timer);
    for (const child of this.running.values()) child.kill();
    for (const disposable of this.disposables) disposable.dispose();
  }

  /** The command: checks, shows marks, says in a sentence what came out and offers the next step. */
  async checkCommand(called: unknown): Promise<void> {
    const task = await pickTask(called);
    if (task === undefined || !(await saveBeforeReading())) return;
    const title = vscode.l10n.t("Checking {0}", path.basename(task.fsPath));
    const outcome = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title },
      () => this.check(task),
    );
    if ("error" in outcome) {
      await vscode.window.showErrorMessage(outcome.error.message);
      return;
    }
    const found = summary(outcome);
    const show = vscode.l10n.t("Show Problems");
    const tune = vscode.l10n.t("Tune Adapter");
    const name = path.basename(task.fsPath);
    const message = found === null ? vscode.l10n.t("{0}: nothing is wrong.", name) : `${name}: ${found}.`;
    const buttons = [...(found === null ? [] : [show]), ...(outcome.runnable ? [tune] : [])];
    const answer = await (outcome.runnable
      ? vscode.window.showInformationMessage(message, ...buttons)
      : vscode.window.showErrorMessage(message, ...buttons));
    if (answer === show) await vscode.commands.executeCommand("workbench.actions.view.problems");
    if (answer === tune) await vscode.commands.executeCommand("plumb.tuneAdapter", task);
  }

  /** @returns What was found, or why the task cannot be used at all. Both stand in the Problems view. */
  private async check(task: vscode.Uri): Promise<CheckOutput | CheckRefusal> {
    const outcome = await this.read(task.fsPath);
    const before = [...(this.checked.get(task.fsPath)?.keys() ?? [])];
    const marks = new Map(
      [...marksOf(task.fsPath, outcome)].map(([file, list]) => [
        file,
        list.map((mark) => ({ diagnostic: diagnostic(mark), fixes: mark.fixes, task })),
      ]),
    );
    this.checked.set(task.fsPath, marks);
    for (const file of new Set([...before, ...marks.keys()])) this.show(file);
    return outcome;
  }

  /** What all tasks have in a file; two may share their examples. */
  private marksIn(file: vscode.Uri): readonly Fixable[] {
    return [...this.checked.values()].flatMap((files) => files.get(file.fsPath) ?? []);
  }

  private show(file: string): void {
    const uri = vscode.Uri.file(file);
    this.collection.set(
      uri,
      this.marksIn(uri).map(({ diagnostic: one }) => one),
    );
  }

  private onOpen(document: vscode.TextDocument): void {
    const { uri } = document;
    if (uri.scheme === "file" && uri.path.endsWith(".plumb.json") && !this.checked.has(uri.fsPath))
      this.checkSoon(uri, 0);
  }

  private onSave(file: string): void {
    if (!/\.(plumb\.json|jsonl)$/.test(file)) return;
    for (const task of this.checked.keys()) {
      if (file === task || path.dirname(file) === path.dirname(task))
        this.checkSoon(vscode.Uri.file(task), QUIET);
    }
  }

  /** One check of a task at a time: what is saved meanwhile is checked after it. */
  private checkSoon(task: vscode.Uri, quiet: number): void {
    clearTimeout(this.waiting.get(task.fsPath));
    this.waiting.set(
      task.fsPath,
      setTimeout(() => {
        this.waiting.delete(task.fsPath);
        if (this.running.has(task.fsPath)) this.checkSoon(task, QUIET);
        else void this.check(task);
      }, quiet),
    );
  }

  /** A line that is changed is another one: what was said of it is taken back until the next check. */
  private onChange({ document, contentChanges }: vscode.TextDocumentChangeEvent): void {
    const changed = contentChanges
      .filter(({ range, text }) => range.isSingleLine && !text.includes("\n"))
      .map(({ range }) => range.start.line);
    if (changed.length === 0) return;
    const { fsPath } = document.uri;
    let dropped = false;
    for (const [task, files] of this.checked) {
      const marks = files.get(fsPath) ?? [];
      const kept = marks.filter(({ diagnostic: one }) => !changed.includes(one.range.start.line));
      if (kept.length === marks.length) continue;
      this.checked.set(task, new Map([...files, [fsPath, kept]]));
      dropped = true;
    }
    if (dropped) this.show(fsPath);
  }

  /** `plumb check --json`. */
  private read(task: string): Promise<CheckOutput | CheckRefusal> {
    return new Promise((resolve) => {
      const options = {
        cwd: path.dirname(task),
        env: commandLineEnvironment(),
        maxBuffer: 1 << 28,
      };
      const child = execFile(
        process.execPath,
        [this.cli, "check", task, "--json"],
        options,
        (error, output, words) => {
          if (this.running.get(task) === child) this.running.delete(task);
          resolve(
            parsed(output) ??
              refusal(words.trim() || (error === null ? say`The check printed nothing.` : sentenceOf(error))),
          );
        },
      );
      this.running.set(task, child);
    });
  }
}

function marksOf(task: string, outcome: CheckOutput | CheckRefusal): Map<string, Mark[]> {
  if (!("error" in outcome)) return marksByFile(outcome);
  const { code, message, line, fixes = [] } = outcome.error;
  return new Map([[task, [{ line: (line ?? 1) - 1, severity: "error", code, message, fixes }]]]);
}

function diagnostic({ line, severity, code, message }: Mark): vscode.Diagnostic {
  const shown = new vscode.Diagnostic(
    new vscode.Range(line, 0, line, PAST_ANY_LINE),
    message,
    SEVERITY[severity],
  );
  shown.source = "plumb";
  shown.code = code;
  return shown;
}

function parsed(output: string): CheckOutput | CheckRefusal | null {
  try {
    const value: unknown = JSON.parse(output);
    const refused = CheckRefusal.safeParse(value);
    return refused.success ? refused.data : CheckOutput.parse(value);
  } catch {
    return null;
  }
}

const refusal = (message: string): CheckRefusal => ({ error: { code: "unreadable", message, line: null } });
