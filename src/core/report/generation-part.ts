import { PlumbError } from "../errors";
import type { Prediction, RivalName } from "../schema";
import { predictionsFor, type QualityPart, referencesOf, type ReportInput } from "./input";
import { CHRF_STATISTICS, chrfScore, chrfStatistics, exactMatch, rougeL } from "./overlap";
import { resample, type Units } from "./resample";
import { bootstrapEstimate, compare, type Judge, shareRight } from "./rivals";

/** How well one judge's outputs match, text by text. */
interface Matched {
  rougeL: number[];
  exact: boolean[];
  chrf: Int32Array[];
}

/** Quality of a generation task: ROUGE-L, chrF and exact match over all references, beside copying the input. */
export function generationPart(
  input: ReportInput,
  units: Units,
  options: { seed: number; resamples: number },
): QualityPart {
  const { test } = input;
  const references = test.map(referencesOf);
  const outputs = predictionsFor(test, input.predictions).map(outputOf);
  const candidates: { name: RivalName | "run"; description: string; outputs: string[] }[] = [
    { name: "run", description: "this run", outputs },
    { name: "copy-input", description: "the input, copied", outputs: test.map(({ text }) => text) },
  ];
  if (input.untuned !== null) {
    candidates.push({
      name: "untuned",
      description: "the base model untuned",
      outputs: predictionsFor(test, input.untuned).map(outputOf),
    });
  }
  const matched = candidates.map((candidate) => match(candidate.outputs, references));
  const resampled = resampleMatches(matched, units, options);
  const judges = candidates.map(({ name, description }, index): Judge => ({
    name,
    description,
    right: matched[index]!.exact,
    value: mean(matched[index]!.rougeL),
    resampled: resampled[index]!.rougeL,
    incomplete: 0,
  }));
  const [run, ...rivals] = judges as [Judge, ...(Judge & { name: RivalName })[]];
  const own = matched[0]!;
  return {
    classification: null,
    generation: {
      rougeL: bootstrapEstimate(run.value, run.resampled),
      chrf: bootstrapEstimate(test.length === 0 ? null : chrfScore(summed(own.chrf)), resampled[0]!.chrf),
      exactMatch: shareRight(own.exact),
    },
    rivals: rivals.map((rival, index) => ({
      ...compare(run, rival, units.members.length),
      chrf: chrfScore(summed(matched[index + 1]!.chrf)),
    })),
    rows: test.map(({ id }, index) => ({
      id,
      truth: references[index]!,
      predicted: [outputs[index]!],
      right: own.exact[index]!,
      confidence: null,
      probabilities: [],
      rougeL: own.rougeL[index]!,
      chrf: chrfScore(own.chrf[index]!),
    })),
    suspects: [],
  };
}

function outputOf({ id, output }: Prediction): string {
  if (output !== undefined) return output;
  throw new PlumbError(
    "report-output",
    `Cannot make a report: the prediction of "${id}" has no generated output.`,
  );
}

function match(outputs: readonly string[], references: readonly string[][]): Matched {
  return {
    rougeL: outputs.map((output, index) =>
      Math.max(...references[index]!.map((reference) => rougeL(output, reference))),
    ),
    exact: outputs.map((output, index) => exactMatch(output, references[index]!)),
    chrf: outputs.map((output, index) => chrfStatistics(output, references[index]!)),
  };
}

function resampleMatches(
  judges: readonly Matched[],
  units: Units,
  options: { seed: number; resamples: number },
): { rougeL: Float64Array; chrf: Float64Array }[] {
  const perUnit = judges.map(({ rougeL: rouge, chrf }) =>
    units.members.map((members) => ({
      texts: members.length,
      rougeL: members.reduce((sum, index) => sum + rouge[index]!, 0),
      chrf: summed(members.map((index) => chrf[index]!)),
    })),
  );
  const results = judges.map(() => ({
    rougeL: new Float64Array(options.resamples),
    chrf: new Float64Array(options.resamples),
  }));
  const statistics = new Float64Array(CHRF_STATISTICS);
  resample(units.members.length, options, (drawn, index) => {
    for (const [judge, unitSums] of perUnit.entries()) {
      statistics.fill(0);
      let rouge = 0;
      let texts = 0;
      for (const unit of drawn) {
        const sums = unitSums[unit]!;
        rouge += sums.rougeL;
        texts += sums.texts;
        for (let at = 0; at < CHRF_STATISTICS; at++) statistics[at]! += sums.chrf[at]!;
      }
      results[judge]!.rougeL[index] = texts === 0 ? NaN : rouge / texts;
      results[judge]!.chrf[index] = texts === 0 ? NaN : chrfScore(statistics);
    }
  });
  return results;
}

function summed(statistics: readonly ArrayLike<number>[]): Float64Array {
  const sums = new Float64Array(CHRF_STATISTICS);
  for (const row of statistics) for (let at = 0; at < CHRF_STATISTICS; at++) sums[at]! += row[at]!;
  return sums;
}

const mean = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
