import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import ts from "typescript";
import { keyOf } from "../src/core/say";

const root = path.resolve(__dirname, "../src");

/** A literal in the sources, and where it stands. */
export interface Literal {
  readonly text: string;
  readonly place: string;
}

/** What the command line alone prints, what goes through a language of its own, and words that are data. */
const ELSEWHERE =
  /^core\/((base|bench|report|schema)\/|import\/names\.ts$|model\/(families|languages)\.ts$)/u;

/** Literals with spaces that are no sentences, or none for the person in the editor. */
const NO_SENTENCES: readonly RegExp[] = [
  // Commands, regular expressions, names of programs and protocols.
  /^plumb models get |^base train$|\\p\{L\}|^import pip$|^Bearer |^blob /u,
  /^(Hugging Face|LM Studio)$/u,
  // Words by which a program tells things apart.
  /^(examples|task) file$|^(as set|where used|own kernel|at a cost|not at all|test part)$/u,
  // Phases of a run as log.jsonl names them; pages say them in words of their own.
  /^(Scoring (the|fold)( |$)|Asking the base model|Trying learning rates|[Ff]old \{|\{0\} of \{1\}$)/u,
  // Columns and labels that an import makes: names in files.
  /^column \{0\}$|^not \{0\}$|^\{0\} \(answer\)$/u,
  // What the model reads.
  /^Labels: \{0\}\.$|^(Only 2 left at this price| {2}leading,|def f\(x\))/u,
  // Pages and icons of the editor, and its names for items of a tree.
  /^(<|\$[1(]|default-src )|^(adapter|model|run) \{0\}$/u,
  // A fault of the program.
  /^load: |^The report's page has no script policy /u,
];

/** Every sentence that is said, by its English. */
export function sentences(): Literal[] {
  return inFiles(/^(core|host)\//u, (node, place) => {
    if (!ts.isTaggedTemplateExpression(node) || node.tag.getText() !== "say") return null;
    if (!insideFunction(node))
      throw new Error(`${place}: said while the module loads, before its language is known`);
    return keyOfTemplate(node.template, place);
  });
}

/** Literals of the core and the host that read like sentences, or parts of them, and are not said. */
export function unsaid(): Literal[] {
  return inFiles(/^(core|host)\//u, (node, place) => {
    if (!ts.isStringLiteralLike(node) && !ts.isTemplateExpression(node)) return null;
    if (ts.isTaggedTemplateExpression(node.parent) || isOutOfSight(node)) return null;
    const text = ts.isTemplateExpression(node) ? keyOfTemplate(node, place) : node.text;
    const filled = text.replace(/\{\d+\}/gu, "0");
    const reads = /[A-Za-z]{2}/u.test(filled) && /[a-z\d,;.)"] +[("A-Za-z\d]|^ [a-z]|[a-z] $/u.test(filled);
    return reads && !NO_SENTENCES.some((known) => known.test(text)) ? text : null;
  });
}

function inFiles(folders: RegExp, textOf: (node: ts.Node, place: string) => string | null): Literal[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll(path.sep, "/"))
    .filter((name) => name.endsWith(".ts") && folders.test(name) && !ELSEWHERE.test(name));
  const found: Literal[] = [];
  for (const name of names) {
    const file = path.join(root, name);
    const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.ES2022, true);
    const visit = (node: ts.Node) => {
      const place = `${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
      const text = textOf(node, place);
      if (text !== null) found.push({ text, place });
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

function* around(node: ts.Node): Generator<ts.Node> {
  for (let outer = node.parent; !ts.isSourceFile(outer); outer = outer.parent) yield outer;
}

const insideFunction = (node: ts.Node): boolean => [...around(node)].some(ts.isFunctionLike);

/** Words of a schema, a type or an import, forms that a count chooses from, and errors that tell of a fault in the program, and what VS Code translates. */
function isOutOfSight(node: ts.Node): boolean {
  const inCore = node.getSourceFile().fileName.startsWith(path.join(root, "core"));
  for (const outer of around(node)) {
    if (ts.isTypeNode(outer) || ts.isImportDeclaration(outer)) return true;
    if (
      ts.isCallExpression(outer) &&
      /\.describe$|^(counted|inflected)$|(^|\bl10n\.)t$/u.test(outer.expression.getText())
    )
      return true;
    if (ts.isNewExpression(outer) && outer.expression.getText() === "Error" && inCore) return true;
    if (ts.isFunctionLike(outer)) return false;
  }
  return false;
}

/** What the table of sentences calls a template. */
export function keyOfTemplate(node: ts.TemplateLiteral, place: string): string {
  if (ts.isNoSubstitutionTemplateLiteral(node)) return node.text;
  return keyOf(
    [node.head.text, ...node.templateSpans.map(({ literal }) => literal.text)],
    node.templateSpans.map(({ expression }) => countOf(expression, place)),
  );
}

function countOf(node: ts.Expression, place: string): { forms: [string, string]; shown: boolean } | null {
  if (!ts.isCallExpression(node)) return null;
  const name = node.expression.getText();
  if (name !== "counted" && name !== "inflected") return null;
  const [, one, many] = node.arguments;
  if (one === undefined || many === undefined || !ts.isStringLiteral(one) || !ts.isStringLiteral(many))
    throw new Error(`${place}: ${name} needs both forms as literals`);
  return { forms: [one.text, many.text], shown: name === "counted" };
}
