import * as vscode from "vscode";
import type { RunEntry } from "../../core/runs/list";
import type { Figures } from "../locale";
import { workspaceRuns } from "../task-files";
import { scoreWords } from "./run-item";

/** An adapter, by the run that made it. */
export interface AdapterNode {
  readonly kind: "adapter";
  readonly run: string;
  readonly entry: RunEntry;
}

/** Adapters of the workspace: what finished runs have made, newest first. */
export class AdaptersView implements vscode.TreeDataProvider<AdapterNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<AdapterNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly figures: Figures) {}

  dispose(): void {
    this.changed.dispose();
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(node?: AdapterNode): Promise<AdapterNode[]> {
    if (node !== undefined) return [];
    return (await workspaceRuns())
      .filter(({ state, adapter }) => state === "finished" && adapter !== null)
      .map((entry) => ({ kind: "adapter", run: entry.folder, entry }));
  }

  getTreeItem({ entry }: AdapterNode): vscode.TreeItem {
    const item = new vscode.TreeItem(entry.taskName, vscode.TreeItemCollapsibleState.None);
    item.id = `adapter ${entry.folder}`;
    const date = this.figures.date(entry.createdAt);
    const score = scoreWords(entry.score, this.figures);
    item.description = [score, date].filter(Boolean).join(" · ");
    item.iconPath = new vscode.ThemeIcon("extensions");
    item.contextValue = "plumb.adapter";
    item.tooltip = [
      entry.taskName,
      ...(score === null ? [] : [score]),
      date,
      `${entry.method}, ${entry.baseModel}`,
      this.figures.bytes(entry.adapter ?? 0),
      entry.folder,
    ].join("\n");
    item.command = {
      title: vscode.l10n.t("Open Report"),
      command: "plumb.openRun",
      arguments: [{ run: entry.folder }],
    };
    return item;
  }
}
