import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as vscode from "vscode";

/** What is to be known of a file before it is saved: what that would change in it, whatever was edited, or that it is gone. */
export interface Unkeepable {
  readonly message: string;
  /** Whether labelling is refused: characters would be lost. */
  readonly locked: boolean;
}

/**
 * Looks for what a text document cannot keep: bytes that are no text, and line ends of two kinds; and whether its file is
 * there at all. Null where saving changes
 * nothing but what was edited, or the file cannot be compared.
 */
export async function unkeepable(document: vscode.TextDocument): Promise<Unkeepable | null> {
  if (document.uri.scheme !== "file") return null;
  const bytes = await readFile(document.fileName).catch((error: unknown) =>
    (error as NodeJS.ErrnoException).code === "ENOENT" ? "gone" : null,
  );
  if (bytes === "gone") {
    const message = vscode.l10n.t(
      "{0} is no longer on the disk. All that was in it is still here, and your labels with it: saving writes it anew.",
      path.basename(document.fileName),
    );
    return { message, locked: false };
  }
  if (bytes === null || document.isDirty) return null;
  if (!isUtf8(bytes)) {
    const message = vscode.l10n.t(
      "The file is not UTF-8 throughout: saving it here would lose characters, so it can only be read. Save it as UTF-8 first (Save with Encoding).",
    );
    return { message, locked: true };
  }
  const other = document.eol === vscode.EndOfLine.LF ? /\r/ : /(?<!\r)\n/;
  if (!other.test(bytes.toString("utf8"))) return null;
  const message = vscode.l10n.t(
    "The file has line ends of two kinds; saving it here makes them alike, which a diff shows.",
  );
  return { message, locked: false };
}
