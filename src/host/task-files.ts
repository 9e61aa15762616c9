import path from "node:path";
import * as vscode from "vscode";
import type { RunEntry } from "../core/runs/list";

const TASK_FILES = "**/*.plumb.json";
const UNINTERESTING = "**/{node_modules,.plumb}/**";

/**
 * The task that a command means: the file it was called on, else the one in the active editor, else the only one that names
 * the examples file in question, else the only one in the workspace, else one that the user picks. Undefined where there is
 * none (said so) or nothing was picked.
 */
export async function pickTask(called: unknown): Promise<vscode.Uri | undefined> {
  const meant = taskOf(called);
  if (meant !== undefined) return meant;
  const active = vscode.window.activeTextEditor?.document.uri;
  if (active !== undefined && isTask(active)) return active;

  const found = await candidates(called);
  if (found.length === 0) {
    void sayNoTask();
    return undefined;
  }
  if (found.length === 1) return found[0];
  const { chooseTask } = await import("./choose-task");
  return chooseTask(found);
}

/** Examples file → the task that the label editors open on it label it for, both by their addresses. */
const labelled = new Map<string, vscode.Uri>();

/** Says which task an examples file is being labelled for; undefined once no label editor is open on it. */
export function labelFor(file: vscode.Uri, task: vscode.Uri | undefined): void {
  if (task === undefined) labelled.delete(file.toString());
  else labelled.set(file.toString(), task);
}

/**
 * Tasks that name the examples file that a command was called on or that is in front: the one that the label editor in front
 * labels it for, where there is one. Else all.
 */
async function candidates(called: unknown): Promise<vscode.Uri[]> {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const active =
    input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom ? input.uri : undefined;
  const file = called instanceof vscode.Uri ? called : called === undefined ? active : undefined;
  if (file?.path.endsWith(".jsonl") !== true) return taskFiles();
  const own = labelled.get(file.toString());
  if (own !== undefined && input instanceof vscode.TabInputCustom) return [own];
  const { tasksOf } = await import("./label/tasks-of");
  const named = (await tasksOf(file)).map((task) => task.file);
  return named.length > 0 ? named : taskFiles();
}

/** Says that there is no task yet, and leads to one. */
async function sayNoTask(): Promise<void> {
  const message = vscode.l10n.t(
    "There is no task in this folder yet (a file that ends in .plumb.json). Make one of your texts, or try the sample.",
  );
  const ways = [
    { title: vscode.l10n.t("New Task"), command: "plumb.newTask" },
    { title: vscode.l10n.t("Try the Sample"), command: "plumb.openSample" },
  ];
  const way = await vscode.window.showInformationMessage(message, ...ways);
  if (way !== undefined) await vscode.commands.executeCommand(way.command);
}

/** The task file that a command was called on: by its address, or by an item of the tree that belongs to it. */
export function taskOf(called: unknown): vscode.Uri | undefined {
  if (called instanceof vscode.Uri) return isTask(called) ? called : undefined;
  const task = (called as { readonly task?: unknown } | null | undefined)?.task;
  return task instanceof vscode.Uri ? task : undefined;
}

/** Folder of the run that a command was called on, by an item of the tree. */
export function runOf(called: unknown): string | undefined {
  const run = (called as { readonly run?: unknown } | null | undefined)?.run;
  return typeof run === "string" ? run : undefined;
}

/** All task files of the workspace. */
export async function taskFiles(): Promise<vscode.Uri[]> {
  const found = await vscode.workspace.findFiles(TASK_FILES, UNINTERESTING);
  return found.filter(isTask).sort((a, b) => a.path.localeCompare(b.path));
}

/** Runs of all tasks of the workspace. */
export async function workspaceRuns(): Promise<RunEntry[]> {
  const folders = [...new Set((await taskFiles()).map(({ fsPath }) => path.dirname(fsPath)))];
  const { listRuns } = await import("../core/runs/list");
  return (await Promise.all(folders.map(listRuns))).flat();
}

/** Calls `then` once, as soon as a task file is open. */
export function onTaskOpen(then: () => void): vscode.Disposable {
  const found = vscode.workspace.textDocuments.some(({ uri }) => isTask(uri));
  const opened = vscode.workspace.onDidOpenTextDocument(({ uri }) => {
    if (isTask(uri)) now();
  });
  const now = () => {
    opened.dispose();
    then();
  };
  // Behind the start of the extension, for which VS Code waits.
  if (found) setImmediate(now);
  return opened;
}

function isTask(uri: vscode.Uri): boolean {
  return uri.scheme === "file" && uri.path.endsWith(".plumb.json");
}

/** Saves what is changed in the editor, since runs read from disk. False where the user has kept something unsaved. */
export async function saveBeforeReading(): Promise<boolean> {
  const saved = await Promise.all(unsavedFiles().map((document) => document.save()));
  return saved.every(Boolean);
}

/** Task and examples files that are changed in the editor and not on the disk. */
export function unsavedFiles(): vscode.TextDocument[] {
  return vscode.workspace.textDocuments.filter(
    (document) => document.isDirty && /\.(plumb\.json|jsonl)$/.test(document.fileName),
  );
}
