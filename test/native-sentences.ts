import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Literal } from "./core-sentences";

const root = path.resolve(__dirname, "../native");

/** What no person runs, and stand-ins for NVIDIA's libraries. */
const ELSEWHERE = /^(test|bench|ops\/cuda\/emulation|ops\/gomp)\//u;

/** Codes of what the core checks before, so that they tell of a fault in the program. */
const FAULTS = /^(argument|batch|cancelled|closed|config|element-type|internal|state)$/u;

/** Texts that are no sentences, or that the command line alone prints, by "plumb devices". */
const NO_SENTENCES: readonly RegExp[] = [
  // What an argument of the addon should have been.
  /^an? (whole number|number|array|string|object|(Float32|Int32|Uint8)Array)\b|^true or false$|^names among |^"[^"]*"(, "[^"]*")* or /u,
  // Names for the system and from it.
  /^(model name|plumb engine|No such file|cuBLAS \{0\}|own kernel)$|^cp\.async/u,
  // What the compiler says.
  /^(what the instructions have|a type without a decoder)$/u,
  // Why there is no cuBLAS.
  /^(cuBLAS (cannot be opened|is used from|\{0\} \(\{1\}\) fails)|\{0\} is cuBLAS|Plumb's own kernel|plumb devices get-cublas|\. Plumb's own kernel|\{0\}\. \{1\}|"\{0\}>=|(its start|taking a stream|choosing its arithmetic|taking its memory)$)/u,
];

/** Sentences, and parts of them, that the engine says to a person: `tensor {0} is there twice`. */
export function nativeSentences(): Literal[] {
  const names = readdirSync(root, { recursive: true, encoding: "utf8" })
    .map((name) => name.replaceAll(path.sep, "/"))
    .filter((name) => /\.(cpp|h|cu|cuh)$/u.test(name) && !ELSEWHERE.test(name));
  return names.flatMap((name) => {
    const source = readFileSync(path.join(root, name), "utf8");
    return textsIn(source)
      .filter(({ text }) => reads(text) && !NO_SENTENCES.some((known) => known.test(text)))
      .map(({ text, line }) => ({ text, place: `${name}:${line}` }));
  });
}

function reads(text: string): boolean {
  const filled = text.replace(/\{\d+\}/gu, "0");
  return /[A-Za-z]{2}/u.test(filled) && /[a-z\d,;.)"] +[("A-Za-z\d]|^ [a-z]|[a-z] $/u.test(filled);
}

interface Token {
  readonly text: string;
  readonly line: number;
}

const TOKEN =
  /\/\/.*|\/\*[^]*?\*\/|^[ \t]*#.*(?:\\\n.*)*|R"\(([^]*?)\)"|"((?:[^"\\\n]|\\.)*)"|'(?:[^'\\\n]|\\.)+'|[\p{L}_][\p{L}\d_]*|\d[\w.']*|::|<<|\S/gmu;

function tokensOf(source: string): Token[] {
  const tokens: Token[] = [];
  for (const match of source.matchAll(TOKEN)) {
    if (/^(\/\/|\/\*|[ \t]*#)/u.test(match[0])) continue;
    const literal =
      match[1] ?? match[2]?.replace(/\\(.)/gu, (_, escaped: string) => (escaped === "n" ? "\n" : escaped));
    tokens.push({
      text: literal === undefined ? match[0] : `"${literal}`,
      line: source.slice(0, match.index).split("\n").length,
    });
  }
  return tokens;
}

const isText = (token: Token | undefined) => token?.text.startsWith('"') === true;
const OPEN = new Map([
  [")", "("],
  ["]", "["],
  ["}", "{"],
]);

/** What is put together by + around each literal, places for what is no literal; faults of the program left out. */
function textsIn(source: string): Token[] {
  const tokens = tokensOf(source);
  const found = new Map<number, Token>();
  for (let at = 0; at < tokens.length; at++) {
    if (!isText(tokens[at])) continue;
    const start = startOf(tokens, at);
    if (found.has(start) || isFault(tokens, start)) continue;
    found.set(start, { text: joined(tokens, start), line: tokens[start]!.line });
  }
  return [...found.values()];
}

const EDGE = /^([,;{?:=!&|<>(]|return|<<)$/u;

/** Where the sum begins that a literal stands in. */
function startOf(tokens: readonly Token[], literal: number): number {
  let at = literal;
  // std::string("…") is the literal.
  if (tokens[at - 1]?.text === "(" && tokens[at - 2]?.text === "string")
    at -= tokens[at - 3]?.text === "::" ? 4 : 2;
  while (at > 0) {
    const before = tokens[at - 1]!.text;
    if (isText(tokens[at - 1])) at--;
    else if (OPEN.has(before)) {
      let depth = 0;
      do {
        const text = tokens[--at]!.text;
        if (OPEN.has(text)) depth++;
        else if (["(", "[", "{"].includes(text)) depth--;
      } while (depth > 0);
    } else if (EDGE.test(before)) break;
    else at--;
  }
  return at;
}

/** The sum that begins there. */
function joined(tokens: readonly Token[], start: number): string {
  let text = "";
  let places = 0;
  let other = false;
  const close = () => {
    if (other) text += `{${places++}}`;
    other = false;
  };
  for (let at = start, depth = 0; at < tokens.length; at++) {
    const token = tokens[at]!;
    if (["(", "[", "{"].includes(token.text)) depth++;
    else if (OPEN.has(token.text)) depth--;
    if (depth < 0 || (depth === 0 && /^[,;?:]$/u.test(token.text))) break;
    const whole =
      depth === 1 &&
      tokens[at - 1]?.text === "(" &&
      tokens[at - 2]?.text === "string" &&
      tokens[at + 1]?.text === ")";
    if (isText(token) && (depth === 0 || whole)) {
      text += token.text.slice(1);
      if (whole) {
        other = false;
        at++;
        depth--;
      }
    } else if (depth === 0 && token.text === "+") close();
    else other = true;
  }
  close();
  return text;
}

/** Whether it is the sentence of an error that tells of a fault in the program: `fail("batch", …)`. */
function isFault(tokens: readonly Token[], start: number): boolean {
  const code = tokens[start - 2];
  const named = /^(fail|make_error|EngineError)$/u;
  if (tokens[start - 1]?.text === "(") return named.test(tokens[start - 2]?.text ?? "");
  if (tokens[start - 1]?.text !== "," || !isText(code) || !FAULTS.test(code!.text.slice(1))) return false;
  return true;
}
