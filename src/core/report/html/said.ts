import type { RivalReport } from "../../schema";
import { cautions, nextSteps } from "../advice";
import type { Language } from "../language";
import { verdict } from "../verdict";
import type { Context } from "./context";

/** Sentences of a report in the page's language. In English they stand in the report; in others they are said anew from its facts. */
export function saidVerdict({ report, language }: Pick<Context, "report" | "language">): string {
  if (language.tag === "en") return report.verdict.sentence;
  return verdict(report.task.kind, report.rivals, report.data.test, language).sentence;
}

export function saidNotes({ report, language }: Context): string[] {
  return language.tag === "en" ? report.notes : cautions(report, language);
}

export function saidSteps({ report, language }: Context): string[] {
  return language.tag === "en" ? report.next : nextSteps(report, language);
}

/** What reports say of rivals. */
const DESCRIPTIONS: Readonly<Record<string, string>> = {
  every: "every label on every text",
  words: "words and pairs of words: TF-IDF, logistic regression",
  untuned: "the base model untuned",
  half: "the base model untuned, labels from 0.5 on",
  copy: "the input, copied",
};
const known = (description: string): string =>
  Object.values(DESCRIPTIONS).find((text) => text === description) ?? description;

/** What a rival does, in a few words: a report holds them in English. */
export function describeRival({ name, description }: RivalReport, { tag, t }: Language): string {
  if (tag === "en") return description;
  const always = /^always (.*)$/u.exec(description);
  if (always !== null) {
    const labels = always[1] === "no label" ? t("no label") : always[1]!.replace(/“([^”]*)”/gu, "«$1»");
    return t("always {0}", labels);
  }
  if (name !== "word-counts") return t(known(description));
  // Settings are written as scikit-learn names them.
  const [what, settings = ""] = description.split(/, (?=C = )/u);
  return [
    t(known(what!)),
    ...(settings === "" ? [] : [settings.replace(/, chosen on the training part$/u, "")]),
    ...(settings.endsWith("chosen on the training part") ? [t("chosen on the training part")] : []),
  ].join(", ");
}
