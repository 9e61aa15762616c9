import path from "node:path";
import * as vscode from "vscode";
import { defaultTestShare, drawSides, loadTask, type LoadedTask } from "../../core/data";
import { editLine, Rows } from "../../core/labelling";
import { counted, grouped, inflected, say } from "../../core/say";
import { inTurns } from "../../core/slices";
import { sentenceOf } from "../../core/system-error";
import { pickTask, saveBeforeReading } from "../task-files";

/** Whether the files of a task say which texts are its test part. Else each run draws it from what is labelled by then. */
export const isTestFixed = ({ examples }: Pick<LoadedTask, "examples">): boolean =>
  examples.some(({ split }) => split === "test");

/**
 * The command "Fix Test Part": draws the test part of a task once and for all, among texts without an answer too, and writes
 * it into their lines. From then on a model may suggest answers and choose texts: it never gets to see one of these.
 */
export async function fixTestPart(called: unknown): Promise<void> {
  const file = await pickTask(called);
  if (file === undefined) return;
  try {
    if (!(await saveBeforeReading())) return;
    const loaded = await loadTask(file.fsPath);
    const { name } = loaded.task;
    if (isTestFixed(loaded)) {
      tell(vscode.l10n.t("The test part of {0} is fixed already: its files say which texts it is.", name));
      return;
    }
    const test = await drawTest(loaded);
    if (test === null) return;
    if (test.length === 0) {
      tell(
        vscode.l10n.t("{0} has too few texts that differ to draw a test part from. Add texts first.", name),
      );
      return;
    }
    await markAsTest(loaded, test);
    const files = [...new Set(test.map((example) => path.basename(example.file)))].join(", ");
    tell(
      say`${grouped(test.length)} of ${counted(loaded.examples.length, "text", "texts")} ${inflected(test.length, "is", "are")} the test part of ${name} from now on, as the lines in ${files} say. Undo in that file takes it back.`,
    );
  } catch (error) {
    void vscode.window.showErrorMessage(sentenceOf(error));
  }
}

/** Examples of the test part; null where the user stopped it. */
function drawTest({ task, examples }: LoadedTask): Thenable<LoadedTask["examples"] | null> {
  const { seed = 0, testShare = defaultTestShare } = task;
  const options = {
    location: vscode.ProgressLocation.Notification,
    title: vscode.l10n.t("Drawing the test part"),
    cancellable: true,
  };
  return vscode.window.withProgress(options, async (progress, cancel) => {
    let told = 0;
    const stopped = new Error();
    try {
      const { sides } = await inTurns(drawSides(examples, { seed, testShare }), (share) => {
        if (cancel.isCancellationRequested) throw stopped;
        progress.report({ increment: 100 * (share - told) });
        told = share;
      });
      return examples.filter((_, at) => sides?.[at] === "test");
    } catch (error) {
      if (error === stopped) return null;
      throw error;
    }
  });
}

/** Writes into the lines of examples that they are of the test part, all in one step that undo takes back, and saves. */
async function markAsTest({ task }: LoadedTask, test: LoadedTask["examples"]): Promise<void> {
  const change = new vscode.WorkspaceEdit();
  const documents = new Map<string, { document: vscode.TextDocument; rows: Rows }>();
  for (const { file, id, line } of test) {
    const document = documents.get(file)?.document ?? (await vscode.workspace.openTextDocument(file));
    const lineAt = (at: number) => document.lineAt(at).text;
    const rows = documents.get(file)?.rows ?? new Rows(task.kind, lineAt, document.lineCount);
    documents.set(file, { document, rows });
    const at = rows.find(id, line - 1);
    const edit = at === null ? null : editLine(lineAt(at), { type: "test" }, task.kind);
    if (at === null || edit === null) continue;
    change.replace(document.uri, new vscode.Range(at, edit.start, at, edit.end), edit.text);
  }
  const names = [...documents.keys()].map((file) => path.basename(file)).join(", ");
  if (!(await vscode.workspace.applyEdit(change)))
    throw new Error(vscode.l10n.t("{0} could not be changed: is it read-only?", names));
  for (const { document } of documents.values()) {
    await document.save();
    if (document.isDirty)
      throw new Error(
        vscode.l10n.t(
          "{0} could not be saved: its test part stands in this window alone. Save the file before a run.",
          path.basename(document.fileName),
        ),
      );
  }
}

const tell = (message: string) => void vscode.window.showInformationMessage(message);
