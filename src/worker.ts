/** The process in which the engine runs: takes one job from its parent, tells what happens, ends. */
import { loadEngine, type Gpus } from "./core/engine";
import { askGpus, GPUS_ARGUMENT, tellGpus } from "./core/gpus";
import { speakAsAsked } from "./core/language";
import { openBaseModel, readModelSource, resolveBaseModel } from "./core/model";
import { availableMemory } from "./core/tuning/forecast";
import { serveJob } from "./core/tuning/serve";
import { version } from "./core/version";

if (process.argv[2] === GPUS_ARGUMENT) {
  speakAsAsked();
  tellGpus(() => loadEngine().gpus());
} else {
  let asked: Promise<Gpus> | null = null;
  serveJob({
    engine: loadEngine,
    gpus: () => (asked ??= askGpus(__filename, process.execArgv)),
    openBaseModel,
    resolveBaseModel,
    readModelSource,
    now: () => new Date(),
    availableMemory,
    peakMemory: () => process.resourceUsage().maxRSS * 1024,
    version,
  });
}
