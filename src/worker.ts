/** The process in which the engine runs: takes one job from its parent, tells what happens, ends. */
import { loadEngine } from "./core/engine";
import { openBaseModel, readModelSource, resolveBaseModel } from "./core/model";
import { availableMemory } from "./core/tuning/forecast";
import { serveJob } from "./core/tuning/serve";
import { version } from "./core/version";

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
