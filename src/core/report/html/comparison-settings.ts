import type { Manifest, Report, Task, TuningSettings } from "../../schema";
import type { Language } from "../language";
import { markup, type Markup } from "./markup";

/** What a comparison wants of a run's manifest. */
export type RunFacts = Pick<Manifest, "program" | "task" | "folds" | "settings" | "baseModel" | "engine">;

type Setting = Exclude<keyof TuningSettings, "method" | "seed">;

/** Every setting that is no row of its own. */
const NAMES: Readonly<Record<Setting, string>> = {
  steps: "Steps at most",
  batch: "Texts per step",
  promptLength: "Prompt vectors",
  promptRate: "Learning rate of the prompt",
  promptEncoder: "Prompt encoder",
  start: "Start of the prompt",
  biasRate: "Learning rate of the biases",
  biases: "Maps with biases",
  biasStart: "Start of the biases",
  lora: "LoRA",
  fullRate: "Learning rate of all parameters",
  warmup: "Warm-up",
  maxNorm: "Largest norm of gradients",
  weightDecay: "Weight decay",
  balance: "Balance of classes",
  heldOutShare: "Held-out share",
  evaluateEvery: "Steps between looks",
  patience: "Looks without gain before it stops",
  maxTokens: "Tokens at most",
};

/** A value of more characters than a run's id has is text, which may take several lines. */
const LONG = 50;
/** Beginning of a hash, enough to tell two apart. */
const HASH = 12;

/**
 * What was done in each run and what it cost. What runs mostly have in common is a row only where they differ in it.
 * @param made Of each run; null where its manifest cannot be read.
 */
export function settingsTable(
  reports: readonly Report[],
  made: readonly (RunFacts | null)[],
  letters: readonly string[],
  language: Language,
): Markup {
  const { t, number } = language;
  const facts: [string, (report: Report) => string][] = [
    [t("Method"), ({ run }) => run.method],
    [t("Base model"), ({ run }) => run.baseModel],
    [t("Training texts"), ({ data }) => number(data.train)],
    [t("Test texts"), ({ data }) => number(data.test)],
    [t("Seed"), ({ run }) => String(run.seed)],
    [t("Steps"), ({ run }) => number(run.history.at(-1)?.step ?? 0)],
    [t("Trained parameters"), ({ run }) => number(run.trainedParameters)],
    [t("Time"), ({ run }) => language.duration(run.seconds)],
    [t("Most memory"), ({ run }) => language.bytes(run.peakBytes)],
    [t("Looks at the test part"), ({ data }) => number(data.testLooks)],
    [t("Run"), ({ run }) => run.id],
  ];
  const folds = made.map((one) => (one === null ? null : number(one.folds?.count ?? 0)));
  const rows: [string, readonly (string | null)[]][] = [
    ...facts.map(([name, of]): [string, readonly string[]] => [name, reports.map(of)]),
    [t("Folds"), folds],
    [t("Device"), reports.map(({ run }) => `${run.device}, ${run.precision}`)],
    ...furtherRows(made, language).filter(([, values]) => differ(values)),
  ];
  const title = t("Settings and cost of the runs");
  return markup`<div class="scroll" tabindex="0" role="region" aria-label="${title}">
    <table data-name="${title}">
      <thead>
        <tr>
          <th scope="col" class="left">${t("What")}</th>
          ${letters.map((letter) => markup`<th scope="col">${letter}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([name, values]) =>
            markup`<tr class="${differ(values) ? "own" : ""}">
              <th scope="row">${name}</th>
              ${values.map((value) => cell(value ?? "–"))}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const cell = (value: string): Markup =>
  value.length > LONG ? markup`<td class="text">${value}</td>` : markup`<td>${value}</td>`;

/** A run that is not known says nothing of a difference. */
const differ = (values: readonly (string | null)[]): boolean =>
  new Set(values.filter((value) => value !== null)).size > 1;

function furtherRows(
  made: readonly (RunFacts | null)[],
  language: Language,
): [string, readonly (string | null)[]][] {
  const { t, quoted } = language;
  const row = (name: string, of: (one: RunFacts) => string): [string, readonly (string | null)[]] => [
    name,
    made.map((one) => (one === null ? null : of(one))),
  ];
  const words = ({ labels = [] }: Task) => labels.map(({ name, word }) => word ?? name).join(", ");
  const around = ({ template }: Task) =>
    template === undefined ? "–" : quoted(`${template.before}…${template.after}`);
  return [
    ...(Object.keys(NAMES) as Setting[]).map((name) =>
      row(t(NAMES[name]), ({ settings }) => valueOf(name, settings, language)),
    ),
    row(t("Instruction"), ({ task }) => task.content.instruction ?? "–"),
    row(t("Words of the labels"), ({ task }) => words(task.content)),
    row(t("Around the text"), ({ task }) => around(task.content)),
    row(t("Fingerprint of the base model"), ({ baseModel }) => baseModel.fingerprint.slice(0, HASH)),
    row(t("Optimiser"), ({ engine }) => engine.optimizer),
    row(t("Matrix products"), ({ engine }) => engine.products ?? "–"),
    row(t("Version of Plumb"), ({ program }) => program),
  ];
}

function valueOf(name: Setting, settings: TuningSettings, language: Language): string {
  const figure = (value: number) => String(value).replace(".", language.decimal);
  switch (name) {
    case "heldOutShare":
    case "warmup":
      return language.percent(settings[name]);
    case "start":
      return startOf(settings.start ?? { from: "instruction" }, language);
    case "biasStart":
      return settings.biasStart === undefined ? "–" : startOf(settings.biasStart, language);
    case "lora": {
      const { lora } = settings;
      return lora === undefined
        ? "–"
        : Object.entries(lora)
            .map(([part, value]) => `${part} ${figure(value)}`)
            .join(", ");
    }
    default: {
      const value = settings[name];
      return value === undefined ? "–" : typeof value === "number" ? figure(value) : String(value);
    }
  }
}

function startOf(
  start: NonNullable<TuningSettings["start"] | TuningSettings["biasStart"]>,
  { quoted }: Language,
): string {
  if (start.from === "text") return quoted(start.text);
  return start.from === "adapter" ? `adapter ${start.sha256.slice(0, HASH)}` : start.from;
}
