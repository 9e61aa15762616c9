import path from "node:path";
import * as vscode from "vscode";
import { readGuesses, readSuggestions, type RunGuesses, type Suggested } from "../../core/labelling";
import { Reach } from "../../core/reach";
import { spokenLanguage } from "../../core/say";
import { startJob } from "../../core/tuning/worker-process";
import { sentenceOf } from "../../core/system-error";
import type { FromLabel, ToLabel } from "../../protocol";
import { finishedRuns } from "../runs";
import { runSettings } from "../settings";
import { inputOf, NO_CHOICES, wishesOf } from "../tune/jobs";
import { Desk, type EditMessage } from "./desk";
import { LabelMessage } from "./messages";
import { presentTask } from "./present";
import { Suggester } from "./suggester";
import type { TaskOfFile } from "./tasks-of";
import { unkeepable } from "./unkeepable";
import { labelWords } from "./words";

/** What several sessions share. */
export interface SessionOptions {
  /** dist/worker.js. */
  readonly worker: string;
  /** dist/reach-thread.js. */
  readonly reach: string;
  /** The task that the file is labelled for; null where none names it. */
  task(document: vscode.TextDocument): Promise<TaskOfFile | null>;
}

/** An example by its id, or by its line from 0: an id may stand there twice. */
export type ExamplePlace = { readonly id: string } | { readonly line: number };

/** How long after a key VS Code may take to tell that a click has brought its editor to the front, in milliseconds. */
const FRONT = 1000;

/** Quiet after the last sign that the task or its runs have changed, in milliseconds. */
const QUIET = 400;

/** One label editor on one document. The document holds everything; the page is told what it shows. */
export class LabelSession implements vscode.Disposable {
  private readonly disposables: vscode.Disposable[] = [];
  private found: TaskOfFile | null = null;
  /** Null until the page is there, and where no task names the file. */
  private desk: Desk | null = null;
  private latest: RunGuesses | null = null;
  private locked: string | null = null;
  private suggester: Suggester | null = null;
  private reach: Reach | null = null;
  /** The line on the screen. */
  private line: number | null = null;
  private watched: vscode.Disposable | null = null;
  private timer: NodeJS.Timeout | undefined;
  /** Edits, undo and redo go one after another: each is computed from the document as the one before has left it. */
  private edits: Promise<void> = Promise.resolve();
  /** Whether what the page is told reaches it: it is thrown away where another tab hides it, and made anew. */
  private listening = false;
  /** An example to show as soon as the page is there. */
  private wanted: ExamplePlace | null = null;
  /** Whether to show what has a suggestion as soon as the page is there. */
  private reviewing = false;

  constructor(
    private readonly document: vscode.TextDocument,
    private readonly panel: vscode.WebviewPanel,
    private readonly options: SessionOptions,
  ) {
    this.disposables.push(
      panel.webview.onDidReceiveMessage((raw: unknown) => {
        const message = LabelMessage.safeParse(raw);
        if (message.success) void this.take(message.data);
      }),
      panel.onDidChangeViewState(() => {
        if (!panel.visible) this.listening = false;
      }),
      vscode.workspace.onDidChangeTextDocument((event) => {
        if (event.document === document && event.contentChanges.length > 0) this.onChange(event);
      }),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("plumb.label.suggestions", document.uri) && this.listening)
          void this.load();
      }),
    );
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.suggester?.dispose();
    this.reach?.dispose();
    this.watched?.dispose();
    for (const disposable of this.disposables) disposable.dispose();
  }

  /** Labels for a task that was asked for, where the page is there and labels for another: else it will ask by itself. */
  follow(task: vscode.Uri): void {
    if (!this.listening || this.found?.file.toString() === task.toString()) return;
    // Until the page has arranged what the other task has.
    this.listening = false;
    void this.load();
  }

  /** Brings an example onto the screen, now or as soon as the page is there. */
  show(example: ExamplePlace): void {
    if (this.desk !== null && this.listening) this.jump(this.desk, example);
    else this.wanted = example;
  }

  /** Shows what has a suggestion, now or as soon as the page is there. */
  review(): void {
    if (this.desk !== null && this.listening) void this.load().then(() => this.post({ type: "review" }));
    else this.reviewing = true;
  }

  private async take(message: FromLabel): Promise<void> {
    const { desk } = this;
    if (message.type === "ready") return this.load();
    if (message.type === "open-text") return this.openText(message.line);
    if (message.type === "open-task") {
      if (this.found !== null) await vscode.window.showTextDocument(this.found.file);
      return;
    }
    if (desk === null) return;
    switch (message.type) {
      case "fix-test":
        await vscode.commands.executeCommand("plumb.fixTestPart", this.found?.file);
        return;
      case "arrange":
        this.listening = true;
        this.post(desk.choose(message.view, message.keep));
        if (this.wanted !== null) this.jump(desk, this.wanted);
        this.wanted = null;
        if (this.reviewing) this.post({ type: "review" });
        this.reviewing = false;
        return;
      case "at":
        desk.moveTo(message.line);
        this.post(desk.tell([message.line, ...message.ahead], true));
        this.line = message.line;
        return this.measure(desk, message.line);
      case "rows":
        this.post(desk.tell(message.lines, false));
        return;
      case "answer":
      case "skip":
      case "note":
        this.edits = this.edits
          .then(() => this.edit(message))
          .catch((error: unknown) => {
            this.refuse(sentenceOf(error), message.line);
          })
          .then(() => this.post({ type: "done", edit: message.edit }));
        return;
      case "remove":
      case "remove-broken":
        this.edits = this.edits
          .then(async () => {
            if (await this.edit(message))
              this.post({ type: "removed", broken: message.type === "remove-broken" });
          })
          .catch((error: unknown) => {
            this.refuse(sentenceOf(error), message.line);
          });
        return;
      case "undo":
      case "redo":
        // In its turn: behind the edits before it, and before those behind it. It would change whatever editor is in front.
        this.edits = this.edits
          .then(async () => {
            if (await inFront(this.panel)) await vscode.commands.executeCommand(message.type);
          })
          .catch((error: unknown) => console.error(error));
        return;
      case "jump":
        this.post(desk.jump(message.to));
        return;
      case "suggest":
        return this.suggest(desk, message.line, message.id);
      case "stop-suggesting":
        this.suggester?.dispose();
        this.suggester = null;
    }
  }

  /** Reads the task, its runs and the document anew, and tells the page. */
  private async load(): Promise<void> {
    const words = labelWords();
    const locale = spokenLanguage();
    this.found = await this.options.task(this.document);
    this.watch();
    if (this.found === null) {
      this.desk = null;
      const message = vscode.l10n.t(
        "No task names {0} as its examples. A task file (*.plumb.json) in this workspace says which labels there are.",
        path.basename(this.document.fileName),
      );
      this.post({ type: "closed", message, words, locale, task: false });
      return;
    }
    const { task, part } = this.found;
    const held = await readSuggestions(path.dirname(this.found.file.fsPath), this.document.fileName);
    const { latest, folded, judges } = await readRuns(this.found, held);
    this.latest = latest;
    if (this.suggester !== null && this.suggester.adapter !== latest?.folder) {
      this.suggester.dispose();
      this.suggester = null;
    }
    const fault = await unkeepable(this.document);
    this.locked = fault?.locked === true ? fault.message : null;
    const { document } = this;
    // Until here the desk before has taken what the page said.
    this.desk = new Desk(
      {
        get lineCount() {
          return document.lineCount;
        },
        lineAt: (line) => document.lineAt(line).text,
      },
      { task, part, latest, folded, held, judges, seed: Math.floor(Math.random() * 2 ** 31) },
    );
    this.reach?.dispose();
    this.reach = new Reach(this.options.reach, this.reachOf(this.desk, this.found));
    this.post({
      type: "opened",
      task: presentTask(task),
      words,
      locale,
      suggest: vscode.workspace.getConfiguration("plumb", document.uri).get("label.suggestions", false),
      folds: folded !== null,
      run: latest !== null,
      held: held.size > 0,
      fixed: this.desk.fixed,
      notice: fault?.locked === false ? fault.message : null,
      locked: this.locked,
    });
  }

  /** What a run of the task would take, by the settings. */
  private reachOf(desk: Desk, { file, task }: TaskOfFile) {
    return () => {
      const { base, options } = inputOf(file.fsPath, task, NO_CHOICES, runSettings(file));
      return {
        ...{ task, folder: path.dirname(file.fsPath), base: base ?? null, method: options.method ?? null },
        answers: desk.longestAnswers(),
      };
    };
  }

  /** Loads again when the task or one of its runs changes, and when the file itself goes or comes back. */
  private watch(): void {
    this.watched?.dispose();
    const file = this.found?.file ?? this.document.uri;
    const again = () => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.load(), QUIET);
    };
    const watchers = ["*.plumb.json", ".plumb/runs/*/report.json", ".plumb/suggestions/*"].map((pattern) => {
      const around = new vscode.RelativePattern(vscode.Uri.joinPath(file, ".."), pattern);
      const watcher = vscode.workspace.createFileSystemWatcher(around);
      watcher.onDidChange(again);
      watcher.onDidCreate(again);
      watcher.onDidDelete(again);
      return watcher;
    });
    const own = new vscode.RelativePattern(
      vscode.Uri.joinPath(this.document.uri, ".."),
      literal(this.document.uri),
    );
    const there = vscode.workspace.createFileSystemWatcher(own, false, true);
    there.onDidCreate(again);
    there.onDidDelete(again);
    this.watched = vscode.Disposable.from(...watchers, there);
  }

  private onChange({ contentChanges, reason }: vscode.TextDocumentChangeEvent): void {
    if (this.desk === null) return;
    const changes = contentChanges.map(({ range, text }) => ({
      first: range.start.line,
      last: range.end.line,
      count: text.split(/\r\n|\r|\n/).length,
    }));
    const { fixed } = this.desk;
    this.post(this.desk.changed(changes, reason !== undefined));
    if (this.desk.fixed !== fixed) void this.load();
    const { desk, line } = this;
    if (line !== null && changes.some(({ first, last }) => first <= line && line <= last))
      void this.measure(desk, line);
  }

  /** Says what the model would not read of the text on the screen, where it is too long for it. */
  private async measure(desk: Desk, line: number): Promise<void> {
    const asked = desk.readable(line);
    if (asked === null) return;
    const leftOut = await this.reach?.leftOut(asked.text);
    if (!leftOut || desk !== this.desk || desk.readable(line)?.text !== asked.text) return;
    this.post({ type: "left-out", line, id: asked.id, ...leftOut });
  }

  /** @returns Whether anything was changed. */
  private async edit(message: EditMessage): Promise<boolean> {
    const { desk, document } = this;
    if (desk === null) return false;
    if (this.locked !== null) {
      this.refuse(this.locked, message.line);
      return false;
    }
    const wanted = desk.edit(message);
    if (wanted === null) return false;
    if (wanted === "gone") {
      const sentence =
        message.type === "remove-broken"
          ? vscode.l10n.t("Line {0} is another one by now. Nothing was changed.", message.line + 1)
          : vscode.l10n.t("Example {0} is no longer in the file. Nothing was changed.", message.id);
      this.refuse(sentence, message.line);
      return false;
    }
    const { line, to, edit } = wanted;
    const change = new vscode.WorkspaceEdit();
    change.replace(document.uri, new vscode.Range(line, edit.start, to, edit.end), edit.text);
    if (await vscode.workspace.applyEdit(change)) return true;
    const name = path.basename(document.fileName);
    this.refuse(vscode.l10n.t("{0} could not be changed: is it read-only?", name), line);
    return false;
  }

  /** Says why something was not done, and shows the line as it is. */
  private refuse(message: string, line: number): void {
    this.post({ type: "refused", message });
    if (this.desk !== null) this.post(this.desk.tell([line], true));
  }

  private async suggest(desk: Desk, line: number, id: string): Promise<void> {
    const held = desk.held(line, id);
    if (held !== null) {
      this.post({ type: "suggestion", line, suggestion: held });
      return;
    }
    const { latest } = this;
    const asked = desk.askable(line, id);
    if (asked === null || latest === null) return;
    if ("refusal" in asked) {
      this.post({ type: "suggestion", line, suggestion: asked.refusal });
      return;
    }
    this.suggester ??= new Suggester(
      (job, listen) => startJob(this.options.worker, job, listen),
      latest.folder,
      wishesOf(runSettings(vscode.Uri.file(latest.folder))),
    );
    try {
      const suggestion = desk.suggestion(await this.suggester.ask(asked.text));
      this.post({ type: "suggestion", line, suggestion });
    } catch (error) {
      const message = sentenceOf(error);
      this.post({ type: "suggestion", line, suggestion: { state: "none", reason: "failed", message } });
    }
  }

  private jump(desk: Desk, example: ExamplePlace): void {
    this.post("id" in example ? desk.jump(example.id) : desk.jumpToLine(example.line));
  }

  private async openText(line: number | null): Promise<void> {
    await vscode.window.showTextDocument(this.document, {
      viewColumn: this.panel.viewColumn ?? vscode.ViewColumn.Active,
      ...(line === null ? {} : { selection: new vscode.Range(line, 0, line, 0) }),
    });
  }

  private post(message: ToLabel): void {
    void this.panel.webview.postMessage(message);
  }
}

/**
 * The latest run of a task, the latest with out-of-fold predictions, and those whose adapters made suggestions. A run whose
 * files are gone or of another version says nothing here.
 */
async function readRuns({ file, task }: TaskOfFile, held: ReadonlyMap<string, Suggested>) {
  const asked = new Set([...held.values()].map(({ run }) => run));
  const judges = new Map<string, RunGuesses>();
  let latest: RunGuesses | null = null;
  let folded: RunGuesses | null = null;
  for (const { folder, report } of await finishedRuns(file.fsPath)) {
    const { id } = report.run;
    if (folded !== null && !asked.has(id)) continue;
    const guesses = await readGuesses(folder, task).catch(() => null);
    if (guesses === null) continue;
    latest ??= guesses;
    if (guesses.folds) folded ??= guesses;
    if (asked.has(id)) judges.set(id, guesses);
  }
  return { latest, folded, judges };
}

/** A file's name as a pattern that means nothing else. */
const literal = (file: vscode.Uri) => path.posix.basename(file.path).replace(/[[\]{}*?]/g, "[$&]");

/**
 * Whether a panel is the editor in front. A page may tell of a key before VS Code tells that the click before it brought the
 * page there: that is waited for.
 */
function inFront(panel: vscode.WebviewPanel): Promise<boolean> {
  if (panel.active) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (active: boolean) => {
      clearTimeout(timer);
      changes.dispose();
      resolve(active);
    };
    const timer = setTimeout(() => settle(false), FRONT);
    const changes = panel.onDidChangeViewState(() => {
      if (panel.active) settle(true);
    });
  });
}
