/** `npm run format`: lays out every source file as the format checks want it. */
import { formatNative } from "./lib/clang-format.mjs";
import { mustRun, script } from "./lib/process.mjs";

script(async () => {
  await mustRun("npx", ["prettier", "--write", "--log-level", "warn", "."], "Formatting");
  await formatNative("write");
});
