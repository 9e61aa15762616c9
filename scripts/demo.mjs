/** `npm run demo`: from a fresh clone to a report of the sample task. */
import { existsSync } from "node:fs";
import path from "node:path";
import { bundle, buildNative } from "./lib/build.mjs";
import { root } from "./lib/places.mjs";
import { mustRun, script, Stop } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";

const cli = path.join(root, "dist", "cli.js");
const task = "media/sample/manipulation.plumb.json";

script(async () => {
  await setup();
  await buildNative({ target: "plumb" });
  await bundle();
  if (!existsSync(path.join(root, task))) throw new Stop(`${task} is missing; restore it from git.`);
  await mustRun(process.execPath, [cli, "models", "get"], "Fetching the default base model");
  const rest = process.argv.slice(2);
  console.log(`\n$ npx plumb tune ${[task, ...rest].join(" ")}\n`);
  await mustRun(process.execPath, [cli, "tune", task, ...rest], "Tuning the sample task", {
    env: { ...process.env, OMP_WAIT_POLICY: "PASSIVE" },
  });
});
