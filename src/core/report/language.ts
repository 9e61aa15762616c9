import { percent } from "../../percent";
import {
  bytes,
  counted,
  decimals,
  duration,
  interval,
  pValue,
  quoted,
  shareWithInterval,
  signed,
} from "./format";
import type { Estimate } from "../schema";
import { NOUNS, RUSSIAN, UNITS } from "./russian";

/** What a page counts, in the singular. */
export type Noun = keyof typeof NOUNS;

/** The words and figures of a page in one language. English is written where it stands, and is the key to the others. */
export interface Language {
  readonly tag: "en" | "ru";
  /** Between whole and decimals. */
  readonly decimal: string;
  /** A text with `{0}`, `{1}` … filled in. */
  readonly t: (text: string, ...values: (string | number)[]) => string;
  readonly number: (value: number) => string;
  readonly decimals: (value: number | null) => string;
  readonly signed: (value: number | null) => string;
  readonly percent: (share: number | null) => string;
  readonly interval: (range: Pick<Estimate, "low" | "high">) => string;
  readonly shareWithInterval: (share: Pick<Estimate, "value" | "low" | "high">) => string;
  readonly pValue: (p: number | null) => string;
  /** `1,234 test texts`. */
  readonly counted: (count: number, noun: Noun) => string;
  readonly quoted: (label: string) => string;
  readonly duration: (seconds: number) => string;
  readonly bytes: (count: number) => string;
}

const fill = (text: string, values: readonly (string | number)[], number: Language["number"]): string =>
  text.replace(/\{(\d)\}/gu, (whole, at: string) => {
    const value = values[Number(at)];
    return value === undefined ? whole : typeof value === "number" ? number(value) : value;
  });

export const english: Language = {
  tag: "en",
  decimal: ".",
  t: (text, ...values) => fill(text, values, english.number),
  number: (value) => value.toLocaleString("en-GB"),
  decimals,
  signed,
  percent,
  interval,
  shareWithInterval,
  pValue,
  counted: (count, noun) => counted(count, noun, NOUNS[noun].many),
  quoted,
  duration,
  bytes,
};

/** A comma in place of the point; what stood behind a comma stands behind a semicolon. */
const withCommas = (figure: string): string => figure.replaceAll(",", ";").replace(/(\d)\.(?=\d)/gu, "$1,");

const plural = new Intl.PluralRules("ru");
const PLURALS = ["one", "few", "many"] as const;

const russian: Language = {
  tag: "ru",
  decimal: ",",
  t: (text, ...values) => fill(RUSSIAN[text] ?? text, values, russian.number),
  number: (value) => value.toLocaleString("ru-RU"),
  decimals: (value) => withCommas(decimals(value)),
  signed: (value) => withCommas(signed(value)),
  percent,
  interval: (range) => withCommas(interval(range)),
  shareWithInterval: (share) => withCommas(shareWithInterval(share)),
  pValue: (p) => withCommas(pValue(p)),
  counted: (count, noun) => {
    const form = PLURALS.indexOf(plural.select(count) as (typeof PLURALS)[number]);
    const word: string = NOUNS[noun].russian[form] ?? NOUNS[noun].russian[2];
    return (word.includes("{0}") ? word : `{0} ${word}`).replace("{0}", russian.number(count));
  },
  quoted: (label) => `«${label}»`,
  duration: (seconds) => inUnits(duration(seconds)),
  bytes: (count) => inUnits(withCommas(bytes(count))),
};

const inUnits = (figure: string): string => figure.replace(/[A-Za-z]+/gu, (unit) => UNITS[unit] ?? unit);

/** The language of a page for a reader's language, as editors name it (`ru`, `en-GB`): English where there is no other. */
export const languageFor = (tag: string): Language => (/^ru\b/iu.test(tag) ? russian : english);
