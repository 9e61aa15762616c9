#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { EngineError } from "../core/engine";
import { PlumbError } from "../core/errors";
import { speakAsAsked } from "../core/language";
import { say } from "../core/say";
import { systemReason } from "../core/system-error";
import { explainWriteError } from "../core/tuning/run-folder";
import { version } from "../core/version";
import { register as registerAblate } from "./ablate";
import { register as registerBase } from "./base";
import { register as registerBench } from "./bench";
import { register as registerCheck } from "./check";
import { register as registerCurve } from "./curve";
import { register as registerDevices } from "./devices";
import { register as registerEval } from "./eval";
import { register as registerImport } from "./import";
import { register as registerModels } from "./models";
import { register as registerPredict } from "./predict";
import { register as registerReport } from "./report";
import { EXIT } from "./run-worker";
import { register as registerTune } from "./tune";

function build(): Command {
  const program = new Command("plumb")
    .description(
      "Tune a small adapter on your own labelled texts, and read with honest intervals what it gets right.",
    )
    .version(version)
    .showHelpAfterError("(--help shows what is possible)")
    .exitOverride()
    .addHelpText(
      "after",
      `
Example:
  plumb import messages.csv              a task from a table of texts
  plumb check messages.plumb.json        what stands in the way
  plumb tune messages.plumb.json         adapter and report
  plumb predict .plumb/runs/RUN new.txt  labels for new texts

Exit codes: 0 done, 1 refused or failed (with a sentence), 2 wrong usage, 130 interrupted.`,
    );
  program.hook("preAction", expectFolder);
  for (const register of [
    registerImport,
    registerCheck,
    registerTune,
    registerEval,
    registerCurve,
    registerAblate,
    registerBench,
    registerBase,
    registerPredict,
    registerReport,
    registerModels,
    registerDevices,
  ]) {
    register(program);
  }
  return program;
}

/** @throws PlumbError where the folder that paths start from has been deleted under the shell. */
function expectFolder(): void {
  try {
    process.cwd();
  } catch (error) {
    throw new PlumbError(
      "folder-gone",
      "The folder in which this runs has been deleted or moved. Change to one that is there (cd), and run the command again.",
      { cause: error },
    );
  }
}

async function main(): Promise<void> {
  // A reader that has seen enough (`plumb predict ... | head`) is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    const said = explainWriteError(error, "standard output");
    process.stderr.write(`${said instanceof Error ? said.message : String(said)}\n`);
    process.exit(EXIT.failed);
  });
  // Whoever read along is gone, or the disk of a log is full: what was asked for is still to be done.
  process.stderr.on("error", () => undefined);
  try {
    await build().parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    } else if (error instanceof PlumbError || error instanceof EngineError) {
      process.stderr.write(`${error.message}\n`);
      process.exitCode = error.code === "interrupted" ? EXIT.interrupted : EXIT.failed;
    } else {
      const { stack = "" } = error instanceof Error ? error : {};
      const place = process.env.PLUMB_DEBUG === undefined ? "" : `\n${stack}`;
      process.stderr.write(
        `${say`Something unexpected happened: ${systemReason(error)}. With PLUMB_DEBUG=1 the place is shown.`}${place}\n`,
      );
      process.exitCode = EXIT.failed;
    }
  }
}

speakAsAsked();
void main();
