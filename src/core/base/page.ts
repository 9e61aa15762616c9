import type { BaseModel } from "../model";
import type { ModelSource } from "../model/write/source";
import type { BaseManifest } from "../schema";

/** README.md of a written model: its beginning is what Hugging Face, and Plumb itself, read the licence from. */
function page(license: string | null, title: string, paragraphs: readonly string[]): string {
  const front = [
    "---",
    ...(license === null ? [] : [`license: ${license}`]),
    "library_name: transformers",
    "---",
  ];
  return `${[front.join("\n"), `# ${title}`, ...paragraphs].join("\n\n")}\n`;
}

function origin(base: BaseModel, { about }: ModelSource): string {
  const stated = Object.entries(about).map(([key, value]) => `${key}: ${value}`);
  return [
    `Made from **${base.name}** (${base.family}, ${Math.round(base.parameterCount / 1e6)} million parameters, fingerprint \`${base.fingerprint}\`), licence as stated there: ${base.license ?? "none stated"}.`,
    ...(stated.length > 0 ? [`It says of itself: ${stated.join("; ")}.`] : []),
    "Where the base came with a licence text or a page of its own, they are beside this file.",
  ].join(" ");
}

export function trainedPage(manifest: BaseManifest, base: BaseModel, source: ModelSource): string {
  const { list, tasks, looks, bestStep, program } = manifest;
  const [first] = looks;
  const best = looks.find(({ step }) => step === bestStep);
  const of = (look: typeof best, name: string) =>
    look?.tasks.find((task) => task.name === name)?.quality.toFixed(3) ?? "";
  const rows = tasks.map(
    ({ name, kind, fit, license }) =>
      `| ${name} | ${kind} | ${fit.length} | ${of(first, name)} | ${of(best, name)} | ${license ?? "not known"} |`,
  );
  return page(base.license, list.name, [
    `All parameters were trained on ${tasks.length} tasks together, by Plumb ${program}: ${bestStep ?? 0} of ${manifest.steps} steps of ${list.batch} examples, learning rate ${list.rate}, seed ${list.seed}.`,
    origin(base, source),
    "Numbers are bfloat16. `training.json` has all settings, the ids of the examples learned from, and every look at the held-out parts; `contamination.json` says which benchmarks the tasks were compared with and what was left out.",
    `Quality of the held-out parts (macro-F1; for generation the mean of ROUGE-L and chrF / 100), mean ${first?.quality.toFixed(3) ?? ""} before and ${best?.quality.toFixed(3) ?? ""} behind the training:`,
    [
      "| task | kind | examples | before | behind | licence of its examples |",
      "| --- | --- | --- | --- | --- | --- |",
      ...rows,
    ].join("\n"),
    "The licences of the examples bind this model too, as far as they say so.",
  ]);
}

export function exportedPage(base: BaseModel, source: ModelSource): string {
  return page(base.license, base.name, [
    "The weights of the base model as Plumb reads them, dequantised where they were quantised and rounded to bfloat16; nothing was trained.",
    origin(base, source),
  ]);
}
