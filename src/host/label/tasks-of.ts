import * as vscode from "vscode";
import { readTask } from "../../core/data";
import { isSamePath } from "../../core/files";
import type { Task } from "../../core/schema";
import { examplesFiles } from "./examples-files";

/** A task as its file stands now, seen from one of its examples files. */
export interface TaskOfFile {
  readonly file: vscode.Uri;
  readonly task: Task;
  /** Which part the examples file is where the task names one for each. */
  readonly part: "train" | "test" | null;
}

/**
 * Tasks that name a file as their examples, by path; those beside it first. Task files that cannot be read are passed
 * over: they may name anything.
 */
export async function tasksOf(examples: vscode.Uri): Promise<TaskOfFile[]> {
  const beside = new vscode.RelativePattern(vscode.Uri.joinPath(examples, ".."), "*.plumb.json");
  const found = await Promise.all([
    vscode.workspace.findFiles(beside),
    vscode.workspace.findFiles("**/*.plumb.json", "**/{node_modules,.plumb}/**"),
  ]);
  const files = new Map(found.flatMap((some) => sorted(some)).map((uri) => [uri.toString(), uri]));
  const tasks = await Promise.all([...files.values()].map((file) => taskAt(file, examples)));
  return tasks.filter((task) => task !== null);
}

/** A task file's task, if it names the examples file; null where it does not or cannot be read. */
export async function taskAt(file: vscode.Uri, examples: vscode.Uri): Promise<TaskOfFile | null> {
  try {
    const { task } = await readTask(file.fsPath);
    const own = examplesFiles(file.fsPath, task).find((other) => isSamePath(other.file, examples.fsPath));
    return own === undefined ? null : { file, task, part: own.part };
  } catch {
    return null;
  }
}

function sorted(files: readonly vscode.Uri[]): vscode.Uri[] {
  return [...files].sort((a, b) => a.path.localeCompare(b.path));
}
