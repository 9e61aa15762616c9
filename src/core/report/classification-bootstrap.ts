import { PackedLists, resample, type Units } from "./resample";
import { eventsOf, type Judged } from "./scores";

/** F1s of one judge in every resample; NaN where not defined. */
export interface ResampledF1 {
  macro: Float64Array;
  micro: Float64Array;
  /** One array per class; empty unless asked for. */
  perClass: Float64Array[];
  /** Resamples in which a class that has an F1 on the whole test part had none, so that the macro mean left it out. */
  incomplete: number;
}

/**
 * Macro, micro and (for the first judge) per-class F1 of several judges on the same resamples of the test part.
 * @param judges each judge's decisions on all test texts, in the same order
 */
export function resampleF1(
  judges: readonly (readonly Judged[])[],
  labelCount: number,
  units: Units,
  options: { seed: number; resamples: number },
): ResampledF1[] {
  const { resamples } = options;
  const packed = judges.map((judged) => {
    const events = judged.map(eventsOf);
    return new PackedLists(units.members.map((unit) => unit.flatMap((index) => events[index]!)));
  });
  const results = judges.map((_, judge): ResampledF1 => ({
    macro: new Float64Array(resamples),
    micro: new Float64Array(resamples),
    perClass: judge === 0 ? Array.from({ length: labelCount }, () => new Float64Array(resamples)) : [],
    incomplete: 0,
  }));
  const definedOnAll = packed.map(({ values }) => new Set(values.map((event) => Math.floor(event / 3))).size);
  const counts = new Int32Array(3 * labelCount);
  resample(units.members.length, options, (drawn, index) => {
    for (const [judge, { values, offsets }] of packed.entries()) {
      counts.fill(0);
      for (const unit of drawn) {
        for (let at = offsets[unit]!; at < offsets[unit + 1]!; at++) counts[values[at]!]!++;
      }
      const result = results[judge]!;
      let sum = 0;
      let defined = 0;
      let hits = 0;
      let all = 0;
      for (let label = 0; label < labelCount; label++) {
        const twice = 2 * counts[3 * label]!;
        const whole = twice + counts[3 * label + 1]! + counts[3 * label + 2]!;
        const f1 = whole === 0 ? NaN : twice / whole;
        if (judge === 0) result.perClass[label]![index] = f1;
        hits += twice;
        all += whole;
        if (whole === 0) continue;
        sum += f1;
        defined++;
      }
      result.macro[index] = defined === 0 ? NaN : sum / defined;
      result.micro[index] = all === 0 ? NaN : hits / all;
      if (defined < definedOnAll[judge]!) result.incomplete++;
    }
  });
  return results;
}
