import { readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import type { LabelWords, ReportWords } from "../src/protocol";

const root = path.resolve(__dirname, "..");

/** Every literal that a source file gives to `vscode.l10n.t`, with the name of the property that it is the value of. */
export function localized(file: string): { key: string | null; text: string }[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022, true);
  const found: { key: string | null; text: string }[] = [];
  const visit = (node: ts.Node) => {
    if (ts.isCallExpression(node) && /(^|\.)l10n\.t$/.test(node.expression.getText())) {
      const [first] = node.arguments;
      const text = first !== undefined && ts.isStringLiteralLike(first) ? first.text : null;
      if (text === null) throw new Error(`${file}: l10n.t needs a literal, found ${node.getText()}`);
      const name = ts.isPropertyAssignment(node.parent) ? node.parent.name : null;
      const key = name === null ? null : ts.isStringLiteral(name) ? name.text : name.getText();
      found.push({ key, text });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Words of a page without an editor: what a file of `src/host` gives to `vscode.l10n.t`, by property. */
export function wordsOf(file: string, language: "en" | "ru"): Record<string, string> {
  const bundle = JSON.parse(readFileSync(path.join(root, "l10n", "bundle.l10n.ru.json"), "utf8")) as Record<
    string,
    string
  >;
  const words = localized(path.join(root, "src/host", file)).map(
    ({ key, text }) => [key, language === "ru" ? (bundle[text] ?? text) : text] as const,
  );
  return Object.fromEntries(words) as Record<string, string>;
}

/** Words of the label editor's page without an editor. */
export const labelWords = (language: "en" | "ru") => wordsOf("label/words.ts", language) as LabelWords;

/** Words of the report's panel without an editor. */
export const reportWords = (language: "en" | "ru") => wordsOf("report/words.ts", language) as ReportWords;
