/**
 * Sentences for people. They stand in English where they are said, and that English is the key to another language: the
 * extension and the processes that it starts speak the editor's, everything else English. Said is when a sentence is
 * made, so none is made while a module loads.
 */

import { fillPlaces } from "../forms";

/** A count that decides the form of a word. */
class Count {
  constructor(
    readonly count: number,
    /** English, of one and of several. */
    readonly forms: readonly [string, string],
    /** Whether the number is said too. */
    readonly shown: boolean,
  ) {}
}

type Value = string | number | Count;

/** Sentences of another language by their English, as `say` names them. */
export interface Sentences {
  /** BCP 47. */
  readonly language: string;
  readonly texts: Readonly<Record<string, string>>;
}

let spoken: Sentences | null = null;

/** From now on this process speaks another language where it has the words; English with null. */
export function speak(sentences: Sentences | null): void {
  spoken = sentences;
}

/** `1 text`, `2,000 texts`: for `say`, with both forms as literals. */
export const counted = (count: number, one: string, many: string): Count =>
  new Count(count, [one, many], true);

/** The form of a word that a count asks for, without the number: for `say`, with both forms as literals. */
export const inflected = (count: number, one: string, many: string): Count =>
  new Count(count, [one, many], false);

/**
 * A sentence, or a part of one, in the language of this process. The table has it as `{0} of {1:one text|several texts}`:
 * places are numbered, a counted word stands with its forms behind a colon, one without the number behind a slash. A
 * translation puts the places where it wants, with the forms that `Intl.PluralRules` tells apart for its language, in the
 * order one, few, many.
 */
export function say(strings: TemplateStringsArray, ...values: readonly Value[]): string {
  if (spoken === null) return strings.reduce((said, text, at) => said + english(values[at - 1]!) + text);
  const key = keyOf(
    strings,
    values.map((value) => (value instanceof Count ? value : null)),
  );
  return fill(spoken.texts[key] ?? key, values, spoken.texts[key] === undefined ? "en" : spoken.language);
}

/** A count that no word stands behind whose form it would decide, `2,000` in `2,000 of 3,000`: for `say`, as a text. */
export const grouped = (count: number): string => count.toLocaleString(spokenLanguage());

/** The language of this process's sentences, in BCP 47. */
export const spokenLanguage = (): string => spoken?.language ?? "en";

/** A figure with so many decimals, or as many as it has, and the decimal mark of this process's language: for `say`. */
export function decimals(value: number, digits?: number): string {
  const mark = spoken === null ? "." : new Intl.NumberFormat(spoken.language).format(0.5).slice(1, -1);
  return (digits === undefined ? String(value) : value.toFixed(digits)).replace(".", mark);
}

/** A moment in ISO 8601 as people write it, by this machine's clock: for `say`. "?" where it is none. */
export function dayAndTime(iso: string): string {
  const date = new Date(iso);
  const format = new Intl.DateTimeFormat(spoken?.language ?? "en-GB", {
    dateStyle: "medium",
    timeStyle: "short",
  });
  return Number.isNaN(date.getTime()) ? "?" : format.format(date);
}

/** A name or a value on one line, in this process's quotation marks: for `say`. */
export const inQuotes = (text: string): string => say`"${JSON.stringify(text).slice(1, -1)}"`;

/** `Polish`: what a language is called in that of this process. */
export const languageName = (code: string): string =>
  new Intl.DisplayNames([spokenLanguage()], { type: "language" }).of(code) ?? code;

/** What a table calls a sentence. */
export function keyOf(
  strings: readonly string[],
  counts: readonly (Pick<Count, "forms" | "shown"> | null)[],
): string {
  return strings.reduce((key, text, at) => {
    const count = counts[at - 1] ?? null;
    const forms = count === null ? "" : `${count.shown ? ":" : "/"}${count.forms.join("|")}`;
    return `${key}{${at - 1}${forms}}${text}`;
  });
}

function english(value: Value): string {
  if (!(value instanceof Count)) return String(value);
  const form = value.forms[value.count === 1 ? 0 : 1];
  return value.shown ? `${value.count.toLocaleString("en-US")} ${form}` : form;
}

/** The sentences of the table whose names begin so, by the rest of their names; none while this process speaks English. */
export const sentencesNamed = (prefix: string): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(spoken?.texts ?? {})
      .filter(([name]) => name.startsWith(prefix))
      .map(([name, text]) => [name.slice(prefix.length), text]),
  );

/** A sentence of the table with its places filled. */
export const filled = (text: string, values: readonly string[]): string =>
  fill(text, values, spokenLanguage());

const fill = (text: string, values: readonly Value[], language: string): string =>
  fillPlaces(text, language, (at) => {
    const value = values[at];
    if (value === undefined) return undefined;
    const count = value instanceof Count ? value.count : Number(value);
    const said =
      typeof value === "string"
        ? value
        : count.toLocaleString(language, { useGrouping: value instanceof Count });
    return { said, count };
  });
