import { execFile } from "node:child_process";
import * as vscode from "vscode";
import * as z from "zod";
import { counted, grouped, say } from "../../core/say";
import { sentenceOf } from "../../core/system-error";
import { commandLineEnvironment } from "../language";
import type { Figures } from "../locale";

/** What `plumb models info --json` prints, as far as it is shown. */
const Facts = z.object({
  name: z.string(),
  path: z.string(),
  format: z.string(),
  family: z.string(),
  parameters: z.number(),
  bytes: z.number(),
  types: z.record(z.string(), z.number()),
  config: z.object({ layerCount: z.number(), hiddenSize: z.number(), contextLength: z.number() }),
  license: z.string().nullable(),
  fingerprint: z.string(),
  languages: z.array(z.object({ language: z.string(), served: z.string(), tokensPerWord: z.number() })),
  memory: z.object({ fast: z.number(), least: z.number(), usable: z.number() }),
});
type Facts = z.infer<typeof Facts>;

/** Examines a base model in a process of its own. Rejects with a sentence where it cannot be used. */
export function examineModel(cli: string, place: string): Promise<Facts> {
  return new Promise((resolve, reject) => {
    const env = commandLineEnvironment();
    const words = [cli, "models", "info", place, "--json"];
    execFile(process.execPath, words, { env, maxBuffer: 1 << 26 }, (error, output, complaint) => {
      try {
        resolve(Facts.parse(JSON.parse(output)));
      } catch {
        reject(
          new Error(
            complaint.trim() || (error === null ? say`The model was not described.` : sentenceOf(error)),
          ),
        );
      }
    });
  });
}

/** A model in lines for people, as Markdown. */
export function describeModel(facts: Facts, figures: Figures): string {
  const { config, memory, languages } = facts;
  const million = grouped(Math.round(facts.parameters / 1e6));
  const rows: [string, string][] = [
    [vscode.l10n.t("Path"), facts.path],
    [vscode.l10n.t("Family"), facts.family],
    [vscode.l10n.t("Parameters"), vscode.l10n.t("{0} million", million)],
    [vscode.l10n.t("Size on disk"), figures.bytes(facts.bytes)],
    [
      vscode.l10n.t("Weights"),
      Object.entries(facts.types)
        .map(([type, count]) => `${grouped(count)} × ${type}`)
        .join(", "),
    ],
    [vscode.l10n.t("Layers"), `${grouped(config.layerCount)} × ${grouped(config.hiddenSize)}`],
    [vscode.l10n.t("Context"), say`${counted(config.contextLength, "token", "tokens")}`],
    [vscode.l10n.t("Licence"), facts.license ?? vscode.l10n.t("not stated")],
    [
      vscode.l10n.t("Memory to tune"),
      vscode.l10n.t("{0}, at least {1}", figures.bytes(memory.fast), figures.bytes(memory.least)),
    ],
    [vscode.l10n.t("Fingerprint"), facts.fingerprint],
  ];
  const served = (how: string) =>
    languages
      .filter((language) => language.served === how)
      .map(({ language, tokensPerWord }) => `${language} ${figures.tenth(tokensPerWord)}`)
      .join(", ");
  const levels = [...new Set(languages.map((language) => language.served))];
  const limits = [
    ...(memory.least > memory.usable
      ? [
          vscode.l10n.t(
            "It cannot be tuned on this machine as it is now: {0} of memory may be used. Close other programs, or take a smaller model.",
            figures.bytes(memory.usable),
          ),
        ]
      : []),
  ];
  return [
    `# ${facts.name}`,
    "",
    ...limits.flatMap((limit) => [limit, ""]),
    ...rows.map(([name, value]) => `- ${name}: ${value}`),
    "",
    `## ${vscode.l10n.t("Languages, in tokens a word")}`,
    "",
    vscode.l10n.t("The more tokens a word falls into, the less the model has seen of a language."),
    "",
    ...levels.map((how) => `- ${servedWord(how)}: ${served(how)}`),
    "",
  ].join("\n");
}

function servedWord(how: string): string {
  switch (how) {
    case "well":
      return vscode.l10n.t("well");
    case "at a cost":
      return vscode.l10n.t("at a cost");
    case "poorly":
      return vscode.l10n.t("poorly");
    default:
      return how === "not at all" ? vscode.l10n.t("not at all") : how;
  }
}
