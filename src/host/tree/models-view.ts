import * as vscode from "vscode";
import type { FoundModel } from "../../core/model/found";
import type { Figures } from "../locale";

/** A base model on this machine. */
export interface ModelNode {
  readonly kind: "model";
  readonly model: FoundModel & { readonly isDefault: boolean };
}

/** Base models on this machine, whoever put them there. */
export class ModelsView implements vscode.TreeDataProvider<ModelNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<ModelNode | undefined>();
  readonly onDidChangeTreeData = this.changed.event;

  constructor(private readonly figures: Figures) {}

  dispose(): void {
    this.changed.dispose();
  }

  refresh(): void {
    this.changed.fire(undefined);
  }

  async getChildren(node?: ModelNode): Promise<ModelNode[]> {
    if (node !== undefined) return [];
    const { listModels } = await import("../../core/model/cache");
    return (await listModels()).models.map((model) => ({ kind: "model", model }));
  }

  getTreeItem({ model }: ModelNode): vscode.TreeItem {
    const { name, bytes, source, isDefault, broken, unsupported, path: place } = model;
    const item = new vscode.TreeItem(name, vscode.TreeItemCollapsibleState.None);
    item.id = `model ${place}`;
    const bad = broken !== null || unsupported !== null;
    item.description = [
      ...(bytes === null ? [] : [this.figures.bytes(bytes)]),
      ...(isDefault ? [vscode.l10n.t("default")] : []),
      ...(source === "Plumb" ? [] : [source]),
      ...(bad ? [vscode.l10n.t("cannot be used")] : []),
    ].join(" · ");
    item.iconPath = new vscode.ThemeIcon(bad ? "warning" : "package");
    const kept = source === "Plumb" || source === "Hugging Face";
    item.contextValue = kept ? "plumb.model.removable" : "plumb.model";
    item.tooltip = [name, item.description, broken ?? unsupported ?? "", place]
      .filter((part) => part !== "")
      .join("\n");
    item.command = {
      title: vscode.l10n.t("Inspect Base Model"),
      command: "plumb.inspectModel",
      arguments: [{ kind: "model", model } satisfies ModelNode],
    };
    return item;
  }
}
