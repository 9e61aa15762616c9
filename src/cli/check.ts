import type { Command } from "commander";
import {
  answerOf,
  checkTask,
  countTokensInThreads,
  loadTask,
  readTask,
  TaskError,
  type CheckResult,
} from "../core/data";
import { PlumbError } from "../core/errors";
import { openBaseModel, resolveBaseModel, type BaseModel } from "../core/model";
import { baseModelOf, usualLayout } from "../core/tuning/prepare";
import { renderCheck } from "./check-text";
import { openShare, wholeNumber } from "./options";
import { textWidth } from "./terminal";

interface CheckCommandOptions {
  json?: true;
  all?: true;
  base?: string;
  tokens: boolean;
  seed?: number;
  testShare?: number;
}

/** `plumb check`: what makes a run of a task impossible, dishonest or weak. Exit code 1 for the first two. */
export function register(program: Command): void {
  program
    .command("check")
    .summary("say what would make a run impossible, dishonest or weak")
    .description(
      "Reads a task and its examples and says what stops a run (exit code 1), what makes its result weaker than it looks, and how many examples there are of each class. Changes nothing.",
    )
    .argument("<task>", "task file (*.plumb.json)")
    .option("--all", "list every place, not only the first few")
    .option("--json", "print the whole result as JSON")
    .option(
      "--base <model>",
      "base model that measures the texts (default: the task's, else the default model)",
    )
    .option("--no-tokens", "do not measure texts in tokens: needs no base model")
    .option("--seed <number>", "seed of a drawn split (default: the task's, else 0)", wholeNumber)
    .option("--test-share <share>", "share drawn for the test (default: the task's, else 0.2)", openShare)
    .addHelpText(
      "after",
      `
Example:
  plumb check messages.plumb.json
  plumb check messages.plumb.json --json | jq '.findings[] | select(.severity == "error")'

Exit code: 0 where a run is possible, 1 where it would be impossible or dishonest.`,
    )
    .action(async (file: string, options: CheckCommandOptions) => {
      const { result, unmeasured } = await check(file, options).catch((error: unknown) => {
        // For programs: the sentence goes to the person all the same.
        if (options.json === true && error instanceof PlumbError) {
          const { line, fixes } = error instanceof TaskError ? error : { line: null, fixes: [] };
          const told = {
            ...{ code: error.code, message: error.message, line },
            ...(fixes.length === 0 ? {} : { fixes }),
          };
          process.stdout.write(`${JSON.stringify({ error: told }, null, 2)}\n`);
        }
        throw error;
      });
      if (options.json === true) {
        process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
        if (unmeasured !== null) process.stderr.write(`${unmeasured}\n`);
      } else {
        process.stdout.write(
          renderCheck(result, {
            from: process.cwd(),
            all: options.all === true,
            width: textWidth(process.stdout),
            color: process.stdout.isTTY && process.env.NO_COLOR === undefined,
            unmeasured,
          }),
        );
      }
      if (!result.runnable) process.exitCode = 1;
    });
}

/** The check, and why texts were not measured where they were not. */
async function check(
  file: string,
  options: CheckCommandOptions,
): Promise<{ result: CheckResult; unmeasured: string | null }> {
  const loaded = await loadTask(file);
  const drawn = {
    ...(options.seed === undefined ? {} : { seed: options.seed }),
    ...(options.testShare === undefined ? {} : { testShare: options.testShare }),
  };
  if (!options.tokens) return { result: checkTask(loaded, null, drawn), unmeasured: null };
  let model: BaseModel;
  try {
    model = await openBaseModel(
      await resolveBaseModel(baseModelOf(loaded.task, loaded.folder, options.base)),
    );
  } catch (error) {
    // A model that was named must be there; without the default one, all the rest can still be checked.
    const named = options.base !== undefined || loaded.task.baseModel !== undefined;
    if (!(error instanceof PlumbError)) throw error;
    if (named) {
      const { lineOf } = await readTask(file);
      throw new TaskError(error.code, error.message, lineOf(["baseModel"]), { cause: error });
    }
    const unmeasured = `The length of texts in tokens was not checked. ${error.message}`;
    return { result: checkTask(loaded, null, drawn), unmeasured };
  }
  const answered = loaded.examples.filter((example) => answerOf(loaded.task, example) !== null);
  const { textRoom } = usualLayout(loaded.task, model, answered);
  const texts = loaded.examples.map((example) => example.text);
  const measured = await countTokensInThreads(texts, model.path, textRoom);
  return { result: checkTask(loaded, model.tokenizer, { ...drawn, textRoom, measured }), unmeasured: null };
}
