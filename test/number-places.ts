import path from "node:path";
import ts from "typescript";
import { keyOfTemplate } from "./core-sentences";
import { wordsOf } from "./label-words";

const root = path.resolve(__dirname, "..");

/** A place of a sentence that a number fills. */
export interface NumberPlace {
  /** The English, which is the key to the Russian. */
  readonly text: string;
  readonly at: number;
  /** A count with forms, a number without, or a text that was made of one; a page has a count in every number. */
  readonly as: "count" | "number" | "text";
  readonly where: string;
}

/** Says a number with its unit, or with a sign of percent, or as a date: no word has to agree with it. */
const WITH_UNIT = /(^|\.)(bytes|date|duration|interval|percent|percentDone)$/u;

const COUNT = /^(counted|inflected)$/u;

/** Every place that a number fills in a sentence of the host or the core, or in a word that a page is given. */
export function numberPlaces(): NumberPlace[] {
  const host = new Program("tsconfig.json");
  const pages = new Program("src/webview/tsconfig.json");
  return [
    ...host.places(/^src\/(core|host)\/|^src\/extension\.ts$/u, (node) => host.ofSentence(node)),
    ...pages.places(/^src\/webview\//u, (node) => pages.ofWord(node)),
  ];
}

type Place = Omit<NumberPlace, "where">;

class Program {
  private readonly sources: readonly ts.SourceFile[];
  private readonly types: ts.TypeChecker;

  constructor(config: string) {
    const parsed = ts.getParsedCommandLineOfConfigFile(path.join(root, config), undefined, {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, "\n"));
      },
    })!;
    const made = ts.createProgram(parsed.fileNames, parsed.options);
    this.sources = made.getSourceFiles();
    this.types = made.getTypeChecker();
  }

  places(files: RegExp, placesOf: (node: ts.Node) => Place[]): NumberPlace[] {
    const found: NumberPlace[] = [];
    for (const source of this.sources) {
      const name = path.relative(root, source.fileName).replaceAll(path.sep, "/");
      if (!files.test(name)) continue;
      const visit = (node: ts.Node) => {
        const where = `${name}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`;
        found.push(...placesOf(node).map((place) => ({ ...place, where })));
        ts.forEachChild(node, visit);
      };
      visit(source);
    }
    return found;
  }

  /** Of what `l10n.t` or `say` says. */
  ofSentence(node: ts.Node): Place[] {
    if (ts.isCallExpression(node) && /(^|\.)l10n\.t$/u.test(node.expression.getText())) {
      const [text, ...values] = node.arguments;
      return this.filled((text as ts.StringLiteralLike).text, values);
    }
    if (!ts.isTaggedTemplateExpression(node) || node.tag.getText() !== "say") return [];
    if (ts.isNoSubstitutionTemplateLiteral(node.template)) return [];
    const values = node.template.templateSpans.map(({ expression }) => expression);
    return this.filled(keyOfTemplate(node.template, node.getText()), values);
  }

  /** Of what a page says by the name of a word; it sets the thousands of every number apart. */
  ofWord(node: ts.Node): Place[] {
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return [];
    const declared = this.types.getResolvedSignature(node)?.declaration?.parent;
    if (declared === undefined || !ts.isClassDeclaration(declared) || declared.name?.text !== "PageWords")
      return [];
    const [word, ...values] = node.arguments;
    if (node.expression.name.text !== "say" || word === undefined || values.length === 0) return [];
    const page = path.basename(path.dirname(node.getSourceFile().fileName));
    const texts = wordsOf(`${page}/words.ts`, "en");
    const names = this.types.getTypeAtLocation(word);
    return (names.isUnion() ? names.types : [names]).flatMap((name) =>
      this.filled(texts[(name as ts.StringLiteralType).value]!, values).map((place) => ({
        ...place,
        as: "count",
      })),
    );
  }

  private filled(text: string, values: readonly ts.Expression[]): Place[] {
    const all = values.flatMap((value): readonly ts.Expression[] =>
      ts.isSpreadElement(value) && ts.isArrayLiteralExpression(value.expression)
        ? value.expression.elements
        : [value],
    );
    return all.flatMap((value, at) =>
      this.tellsNumber(value) ? [{ text, at, as: this.kindOf(value) }] : [],
    );
  }

  private kindOf(value: ts.Expression): NumberPlace["as"] {
    if (ts.isCallExpression(value) && COUNT.test(value.expression.getText())) return "count";
    return this.isNumber(value) ? "number" : "text";
  }

  /** Whether a value is a number, a count with its word, or a text that was made of a number. */
  private tellsNumber(value: ts.Expression): boolean {
    if (this.isNumber(value)) return true;
    if (ts.isParenthesizedExpression(value) || ts.isNonNullExpression(value))
      return this.tellsNumber(value.expression);
    if (ts.isConditionalExpression(value))
      return this.tellsNumber(value.whenTrue) || this.tellsNumber(value.whenFalse);
    if (ts.isBinaryExpression(value)) return this.tellsNumber(value.left) || this.tellsNumber(value.right);
    if (ts.isTemplateExpression(value))
      return value.templateSpans.some(({ expression }) => this.tellsNumber(expression));
    if (ts.isCallExpression(value)) {
      const { expression: called } = value;
      if (WITH_UNIT.test(called.getText())) return false;
      return (
        value.arguments.some((argument) => this.isNumber(argument)) ||
        (ts.isPropertyAccessExpression(called) && this.isNumber(called.expression))
      );
    }
    const declared = this.types.getSymbolAtLocation(value)?.valueDeclaration;
    return (
      ts.isIdentifier(value) &&
      declared !== undefined &&
      ts.isVariableDeclaration(declared) &&
      declared.initializer !== undefined &&
      this.tellsNumber(declared.initializer)
    );
  }

  private isNumber(value: ts.Expression): boolean {
    const isNumeric = (type: ts.Type): boolean =>
      type.isUnion() ? type.types.some(isNumeric) : (type.flags & ts.TypeFlags.NumberLike) !== 0;
    return isNumeric(this.types.getTypeAtLocation(value));
  }
}
