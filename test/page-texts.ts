import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";

const root = path.resolve(__dirname, "../src/core/report");

/**
 * Every text that pages say through a language's `t`. What is looked up in a constant of the file counts with all values
 * of that constant. Throws where a text cannot be found out.
 */
export function pageTexts(): Set<string> {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return new Set(files.flatMap((name) => textsOf(path.join(root, name))));
}

function textsOf(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022, true);
  const constants = new Map<string, string[]>();
  const found: string[] = [];
  const literal = (node: ts.Expression): string[] => {
    if (ts.isStringLiteralLike(node)) return [node.text];
    if (ts.isConditionalExpression(node)) return [...literal(node.whenTrue), ...literal(node.whenFalse)];
    const name =
      ts.isElementAccessExpression(node) || ts.isPropertyAccessExpression(node)
        ? node.expression.getText()
        : null;
    const values = name === null ? undefined : constants.get(name);
    if (values !== undefined) return values;
    // Said of rivals: the constant beside it has all that is known.
    if (node.getText().startsWith("known(")) return constants.get("DESCRIPTIONS")!;
    throw new Error(`${file}: t needs a text, found ${node.getText()}`);
  };
  const visit = (node: ts.Node) => {
    if (
      ts.isVariableDeclaration(node) &&
      node.initializer &&
      ts.isObjectLiteralExpression(node.initializer)
    ) {
      const values = node.initializer.properties.flatMap((one) =>
        ts.isPropertyAssignment(one) && ts.isStringLiteralLike(one.initializer) ? [one.initializer.text] : [],
      );
      constants.set(node.name.getText(), values);
    }
    if (ts.isCallExpression(node) && /(^|\.)t$/.test(node.expression.getText())) {
      found.push(...literal(node.arguments[0]!));
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}
