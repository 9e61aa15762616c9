import * as vscode from "vscode";
import { LABEL_EDITOR } from "../label/provider";
import type { Figures } from "../locale";
import type { Desk } from "./desk";
import { runLine } from "./status-bar";

/**
 * Shows a run's progress in a notification to its end, or until its user turns to a label editor, whose labels and tools it
 * would lie over: the status bar says the same.
 * @param moved Fired whenever a run is another one to look at.
 */
export async function showNotification(
  desk: Desk,
  ended: Promise<unknown>,
  moved: vscode.Event<void>,
  figures: Figures,
): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: desk.name, cancellable: true },
    async (progress, cancel) => {
      let shown = 0;
      let said = "";
      const report = () => {
        const share = desk.view().run?.share ?? 0;
        const line = runLine(desk, figures);
        if (line === said) return;
        progress.report({ message: line, increment: 100 * (share - shown) });
        [shown, said] = [share, line];
      };
      let labelling: () => void;
      const stepBack = new Promise<void>((resolve) => (labelling = resolve));
      const look = () => {
        if (isLabelling()) labelling();
      };
      const { tabGroups } = vscode.window;
      const listeners = [
        moved(report),
        cancel.onCancellationRequested(() => desk.cancel()),
        tabGroups.onDidChangeTabs(look),
        tabGroups.onDidChangeTabGroups(look),
      ];
      await Promise.race([ended.catch(() => undefined), stepBack]);
      for (const listener of listeners) listener.dispose();
    },
  );
}

/** Whether a label editor is in front. */
function isLabelling(): boolean {
  const input = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  return input instanceof vscode.TabInputCustom && input.viewType === LABEL_EDITOR;
}
