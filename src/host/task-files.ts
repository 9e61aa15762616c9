import * as vscode from "vscode";

const TASK_FILES = "**/*.plumb.json";
const UNINTERESTING = "**/{node_modules,.plumb}/**";

/**
 * The task that a command means: the file it was called on, else the one in the active editor, else the only one in the
 * workspace, else one that the user picks. Undefined where there is none (said so) or nothing was picked.
 */
export async function pickTask(called: unknown): Promise<vscode.Uri | undefined> {
  const meant = taskOf(called);
  if (meant !== undefined) return meant;
  const active = vscode.window.activeTextEditor?.document.uri;
  if (active !== undefined && isTask(active)) return active;

  const found = await taskFiles();
  if (found.length === 0) {
    void vscode.window.showErrorMessage(
      vscode.l10n.t("No task in this workspace: Plumb looks for files that end in .plumb.json."),
    );
    return undefined;
  }
  if (found.length === 1) return found[0];
  const items = found
    .map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }))
    .sort((a, b) => a.label.localeCompare(b.label));
  const picked = await vscode.window.showQuickPick(items, { placeHolder: vscode.l10n.t("Which task?") });
  return picked?.uri;
}

/** The task file that a command was called on: by its address, or by an item of the tree that belongs to it. */
export function taskOf(called: unknown): vscode.Uri | undefined {
  if (called instanceof vscode.Uri) return isTask(called) ? called : undefined;
  const task = (called as { readonly task?: unknown } | null | undefined)?.task;
  return task instanceof vscode.Uri ? task : undefined;
}

/** All task files of the workspace. */
export async function taskFiles(): Promise<vscode.Uri[]> {
  const found = await vscode.workspace.findFiles(TASK_FILES, UNINTERESTING);
  return found.filter(isTask).sort((a, b) => a.path.localeCompare(b.path));
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
