import { randomBytes } from "node:crypto";
import path from "node:path";
import { stat } from "node:fs/promises";
import * as vscode from "vscode";
import { filesIn, mostOffered, readTask } from "../../core/data";
import { grouped, spokenLanguage } from "../../core/say";
import { sentenceOf } from "../../core/system-error";
import { labelFor, pickTask, taskOf } from "../task-files";
import { labelPage } from "./page";
import { LABEL_EDITOR } from "./provider";
import { checkSaved } from "./saves";
import { LabelSession, type ExamplePlace, type SessionOptions } from "./session";
import { examplesFiles } from "./examples-files";
import { taskAt, tasksOf, type TaskOfFile } from "./tasks-of";

/** VS Code keeps larger files to itself. */
const LARGEST = 50 * 1024 * 1024;

/** Label editors: another view of an examples file, beside the text editor and in step with it. */
export class LabelEditors implements vscode.CustomTextEditorProvider, vscode.Disposable {
  private readonly sessions = new Map<string, Set<LabelSession>>();
  /** Examples file → task file that was asked for. */
  private readonly asked = new Map<string, vscode.Uri>();
  /** Examples file → example to show as soon as its editor is there. */
  private readonly wanted = new Map<string, ExamplePlace>();
  /** Examples files whose suggestions to show as soon as their editor is there. */
  private readonly reviews = new Set<string>();
  private readonly saves = vscode.workspace.onDidSaveTextDocument((document) => {
    if ((this.sessions.get(document.uri.toString())?.size ?? 0) > 0) void checkSaved(document);
  });

  /**
   * @param pages Folder of the panels' browser code.
   * @param programs dist/worker.js and dist/reach-thread.js.
   */
  constructor(
    private readonly pages: vscode.Uri,
    private readonly programs: Pick<SessionOptions, "worker" | "reach">,
  ) {}

  dispose(): void {
    this.saves.dispose();
  }

  resolveCustomTextEditor(document: vscode.TextDocument, panel: vscode.WebviewPanel): void {
    const { webview } = panel;
    webview.options = { enableScripts: true, localResourceRoots: [this.pages] };
    const session = new LabelSession(document, panel, {
      ...this.programs,
      task: (of) => this.taskOf(of.uri),
    });
    const key = document.uri.toString();
    const open = this.sessions.get(key) ?? new Set();
    this.sessions.set(key, open.add(session));
    panel.onDidDispose(() => {
      open.delete(session);
      if (open.size === 0) labelFor(document.uri, undefined);
      session.dispose();
    });
    const wanted = this.wanted.get(key);
    this.wanted.delete(key);
    if (wanted !== undefined) session.show(wanted);
    if (this.reviews.delete(key)) session.review();
    const page = (name: string) => webview.asWebviewUri(vscode.Uri.joinPath(this.pages, name)).toString();
    webview.html = labelPage({
      script: page("label.js"),
      style: page("label.css"),
      source: webview.cspSource,
      nonce: randomBytes(16).toString("hex"),
      language: spokenLanguage(),
      title: path.basename(document.fileName),
    });
  }

  /** The command: opens the examples of a task, or an examples file. */
  async labelCommand(called: unknown): Promise<void> {
    const file = await this.pickExamples(called);
    if (file !== undefined) await this.open(file);
  }

  /** The command: the file of the active label editor as text. */
  async textCommand(): Promise<void> {
    const file = activeFile();
    if (file !== undefined) await vscode.window.showTextDocument(file);
  }

  /** Opens an example in a label editor: in the one that shows its file already, or in a new one. */
  async showExample(file: vscode.Uri, task: vscode.Uri, example: ExamplePlace): Promise<void> {
    const open = this.ask(file, task);
    if (open.length === 0) this.wanted.set(file.toString(), example);
    for (const session of open) session.show(example);
    await this.open(file, columnOf(file) ?? vscode.ViewColumn.Beside);
  }

  /** Opens a label editor on what has a suggestion: the one that shows the file already, or a new one. */
  async review(file: vscode.Uri, task: vscode.Uri): Promise<void> {
    const open = this.ask(file, task);
    if (open.length === 0) this.reviews.add(file.toString());
    for (const session of open) session.review();
    await this.open(file, columnOf(file) ?? vscode.ViewColumn.Active);
  }

  /** Asks for a file to be labelled for a task, in the editors that are open on it too. */
  private ask(file: vscode.Uri, task: vscode.Uri): readonly LabelSession[] {
    const key = file.toString();
    const open = [...(this.sessions.get(key) ?? [])];
    this.asked.set(key, task);
    for (const session of open) session.follow(task);
    return open;
  }

  private async open(file: vscode.Uri, column = vscode.ViewColumn.Active): Promise<void> {
    const name = path.basename(file.fsPath);
    const size = await stat(file.fsPath).then(
      (found) => found.size,
      () => null,
    );
    if (size === null) {
      await this.sayMissing(file);
      return;
    }
    if (size > LARGEST) {
      void vscode.window.showErrorMessage(
        vscode.l10n.t(
          "{0} has {1} MB. VS Code shows extensions no file above 50 MB: split it into several files, with a task for each.",
          name,
          grouped(Math.round(size / (1024 * 1024))),
        ),
      );
      return;
    }
    await vscode.commands.executeCommand("vscode.openWith", file, LABEL_EDITOR, column);
  }

  /** Says which files may be meant, and leads to the task, where they are quick fixes. */
  private async sayMissing(file: vscode.Uri): Promise<void> {
    const task = this.asked.get(file.toString());
    const folder = path.dirname((task ?? file).fsPath);
    const names = await filesIn(folder, ".jsonl");
    const sentence = vscode.l10n.t(
      'There is no examples file {0}. Create it, or correct the task\'s field "examples".',
      file.fsPath,
    );
    const beside =
      names.length === 0 ? "" : ` ${vscode.l10n.t("JSON Lines beside the task: {0}.", listed(names))}`;
    const open = vscode.l10n.t("Open Task File");
    const answer = await vscode.window.showErrorMessage(
      sentence + beside,
      ...(task === undefined ? [] : [open]),
    );
    if (answer !== open || task === undefined) return;
    const { lineOf } = await readTask(task.fsPath);
    const line = lineOf(["examples"]) - 1;
    await vscode.window.showTextDocument(task, { selection: new vscode.Range(line, 0, line, 0) });
  }

  private async pickExamples(called: unknown): Promise<vscode.Uri | undefined> {
    const meant = fileOf(called) ?? taskOf(called) ?? activeFile();
    if (meant?.path.endsWith(".jsonl") === true) {
      const own = taskOf(called);
      if (own !== undefined) this.ask(meant, own);
      return meant;
    }
    const task = await pickTask(meant);
    if (task === undefined) return undefined;
    let files: { file: string }[];
    try {
      files = examplesFiles(task.fsPath, (await readTask(task.fsPath)).task);
    } catch (error) {
      void vscode.window.showErrorMessage(sentenceOf(error));
      return undefined;
    }
    const names = files.map(({ file }) => ({ label: path.basename(file), file }));
    const picked =
      names.length === 1
        ? names[0]
        : await vscode.window.showQuickPick(names, { placeHolder: vscode.l10n.t("Which examples?") });
    if (picked === undefined) return undefined;
    const file = vscode.Uri.file(picked.file);
    this.ask(file, task);
    return file;
  }

  /** The task of a file's label editors: commands that are called on one of them mean it too. */
  private async taskOf(file: vscode.Uri): Promise<TaskOfFile | null> {
    const found = await this.findTask(file);
    labelFor(file, found?.file);
    return found;
  }

  /** The task that was asked for, else the one that names the file, else the one that the user picks of several. */
  private async findTask(file: vscode.Uri): Promise<TaskOfFile | null> {
    const key = file.toString();
    const asked = this.asked.get(key);
    const known = asked === undefined ? null : await taskAt(asked, file);
    if (known !== null) return known;
    const tasks = await tasksOf(file);
    if (tasks.length < 2) return tasks[0] ?? null;
    const items = tasks.map((task) => ({
      label: task.task.name,
      description: path.basename(task.file.fsPath),
      task,
    }));
    const picked = await vscode.window.showQuickPick(items, {
      placeHolder: vscode.l10n.t("Several tasks name {0}. Which one?", path.basename(file.fsPath)),
    });
    const task = picked?.task ?? tasks[0]!;
    this.asked.set(key, task.file);
    return task;
  }
}

const listed = (names: readonly string[]) =>
  names.slice(0, mostOffered).join(", ") + (names.length > mostOffered ? ", …" : "");

/** The file of the active tab, in whichever editor. */
/** The file that a command was called on: itself, or by an item of the tree that stands for it. */
function fileOf(called: unknown): vscode.Uri | undefined {
  if (called instanceof vscode.Uri) return called;
  const file = (called as { readonly file?: unknown } | null | undefined)?.file;
  return typeof file === "string" ? vscode.Uri.file(file) : undefined;
}

function activeFile(): vscode.Uri | undefined {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom
    ? input.uri
    : undefined;
}

/** Column of the tab that shows a file in a label editor. */
function columnOf(file: vscode.Uri): vscode.ViewColumn | undefined {
  const shows = ({ input }: vscode.Tab) =>
    input instanceof vscode.TabInputCustom &&
    input.viewType === LABEL_EDITOR &&
    input.uri.toString() === file.toString();
  return vscode.window.tabGroups.all.find(({ tabs }) => tabs.some(shows))?.viewColumn;
}
