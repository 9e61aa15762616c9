import { stat } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";
import type { ExampleCounts } from "../../core/data";
import { isSamePath } from "../../core/files";
import type { RunEntry } from "../../core/runs/list";
import { counted, grouped, say } from "../../core/say";
import type { Task } from "../../core/schema";
import { sentenceOf } from "../../core/system-error";
import { examplesFiles } from "../label/examples-files";
import type { Figures } from "../locale";
import { taskFiles } from "../task-files";
import type { RunningTasks } from "../tune/running-tasks";
import { runItem } from "./run-item";

/** What the view of tasks holds. Commands that are called on a node find the task file, and the run folder, in it. */
export type TaskNode =
  | {
      readonly kind: "task";
      readonly task: vscode.Uri;
      readonly content: Task | null;
      readonly problem: string | null;
    }
  | {
      readonly kind: "data";
      readonly task: vscode.Uri;
      readonly content: Task;
      readonly file: string;
      readonly part: "train" | "test" | null;
    }
  | { readonly kind: "class"; readonly task: vscode.Uri; readonly label: string; readonly count: number }
  | { readonly kind: "run"; readonly task: vscode.Uri; readonly run: string; readonly entry: RunEntry };

/** Tasks of the workspace with their data and their runs. */
export class TasksView implements vscode.TreeDataProvider<TaskNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<TaskNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly counts = new Map<string, { readonly key: string; readonly counts: ExampleCounts }>();

  constructor(
    private readonly figures: Figures,
    private readonly runningTasks: RunningTasks,
  ) {}

  dispose(): void {
    this.changed.dispose();
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(node?: TaskNode): Promise<TaskNode[]> {
    if (node === undefined) return Promise.all((await taskFiles()).map(taskNode));
    if (node.kind === "task") return this.partsOf(node);
    if (node.kind !== "data") return [];
    const counts = await this.countsOf(node).catch(() => null);
    return (counts?.classes ?? []).map(({ label, count }) => ({
      kind: "class",
      task: node.task,
      label,
      count,
    }));
  }

  async getTreeItem(node: TaskNode): Promise<vscode.TreeItem> {
    switch (node.kind) {
      case "task":
        return this.taskItem(node);
      case "data":
        return this.dataItem(node);
      case "class": {
        const item = new vscode.TreeItem(node.label, vscode.TreeItemCollapsibleState.None);
        item.description = grouped(node.count);
        item.iconPath = new vscode.ThemeIcon("symbol-enum-member");
        return item;
      }
      case "run":
        return runItem(node.entry, this.figures);
    }
  }

  private async partsOf({ task, content }: Extract<TaskNode, { kind: "task" }>): Promise<TaskNode[]> {
    const files = content === null ? [] : examplesFiles(task.fsPath, content);
    const { listRuns } = await import("../../core/runs/list");
    const runs = await listRuns(path.dirname(task.fsPath));
    const isOf = (file: string) => isSamePath(file, task.fsPath);
    // A run that does not say whose it is stands with the first task of its folder.
    const first = (await taskFiles()).find(
      ({ fsPath }) => path.dirname(fsPath) === path.dirname(task.fsPath),
    );
    return [
      ...files.map(({ file, part }): TaskNode => ({ kind: "data", task, content: content!, file, part })),
      ...runs
        .filter((entry) => isOf(entry.task ?? first?.fsPath ?? ""))
        .map((entry): TaskNode => ({ kind: "run", task, run: entry.folder, entry })),
    ];
  }

  private taskItem({ task, content, problem }: Extract<TaskNode, { kind: "task" }>): vscode.TreeItem {
    const name = content?.name ?? path.basename(task.fsPath);
    const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.Expanded);
    item.id = task.toString();
    item.resourceUri = task;
    const running = this.runningTasks.has(task.fsPath);
    item.description = running ? vscode.l10n.t("being tuned") : vscode.workspace.asRelativePath(task);
    item.iconPath = new vscode.ThemeIcon(problem === null ? "checklist" : "error");
    item.contextValue =
      problem !== null ? "plumb.task.broken" : running ? "plumb.task.running" : "plumb.task";
    item.tooltip = problem ?? [name, content?.instruction, task.fsPath].filter(Boolean).join("\n");
    item.command = { title: vscode.l10n.t("Open the Task"), command: "vscode.open", arguments: [task] };
    return item;
  }

  private async dataItem(node: Extract<TaskNode, { kind: "data" }>): Promise<vscode.TreeItem> {
    const item = new vscode.TreeItem(path.basename(node.file), vscode.TreeItemCollapsibleState.None);
    item.id = `${node.task.toString()} ${node.file} ${node.part ?? ""}`;
    item.contextValue = "plumb.data";
    item.command = {
      title: vscode.l10n.t("Label Examples"),
      command: "plumb.labelExamples",
      arguments: [node],
    };
    const part =
      node.part === null
        ? []
        : [node.part === "test" ? vscode.l10n.t("test part") : vscode.l10n.t("training part")];
    try {
      const { answered, open, skipped, broken, classes } = await this.countsOf(node);
      const all = answered + open + skipped;
      item.description = [
        ...part,
        vscode.l10n.t("{0} of {1} labelled", grouped(answered), grouped(all)),
        ...(skipped > 0 ? [vscode.l10n.t("{0} skipped", grouped(skipped))] : []),
        ...(broken > 0 ? [say`${counted(broken, "broken line", "broken lines")}`] : []),
      ].join(" · ");
      item.tooltip = [path.basename(node.file), item.description, node.file].join("\n");
      item.iconPath = new vscode.ThemeIcon("list-unordered");
      if (classes.length > 0) item.collapsibleState = vscode.TreeItemCollapsibleState.Collapsed;
    } catch (error) {
      item.description = [...part, vscode.l10n.t("cannot be read")].join(" · ");
      item.tooltip = sentenceOf(error);
      item.iconPath = new vscode.ThemeIcon("error");
    }
    return item;
  }

  /** Counted anew only where the file is another one. */
  private async countsOf({ file, content }: Extract<TaskNode, { kind: "data" }>): Promise<ExampleCounts> {
    const { mtimeMs, size } = await stat(file);
    const key = JSON.stringify([mtimeMs, size, content.kind, content.labels]);
    const known = this.counts.get(file);
    if (known?.key === key) return known.counts;
    const { countExamples } = await import("../../core/data");
    const counts = await countExamples(file, content);
    this.counts.set(file, { key, counts });
    return counts;
  }
}

async function taskNode(task: vscode.Uri): Promise<TaskNode> {
  try {
    const { readTask } = await import("../../core/data");
    return { kind: "task", task, content: (await readTask(task.fsPath)).task, problem: null };
  } catch (error) {
    const problem = sentenceOf(error);
    return { kind: "task", task, content: null, problem };
  }
}
