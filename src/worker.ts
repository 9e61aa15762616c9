/** The process in which the engine runs: takes one job from its parent, tells what happens, ends. */
import { loadEngine } from "./core/engine";
import { GPUS_ARGUMENT } from "./core/gpus";
import { openBaseModel, readModelSource, resolveBaseModel } from "./core/model";
import { availableMemory } from "./core/tuning/forecast";
import { serveJob } from "./core/tuning/serve";
import { version } from "./core/version";

if (process.argv[2] === GPUS_ARGUMENT) {
  process.send?.(loadEngine().gpus(), undefined, undefined, () => process.exit(0));
} else {
  serveJob({
    engine: loadEngine,
    openBaseModel,
    resolveBaseModel,
    readModelSource,
    now: () => new Date(),
    availableMemory,
    peakMemory: () => process.resourceUsage().maxRSS * 1024,
    version,
  });
}
