/** `npm run bench`: measures on this machine and writes the tables of docs/performance.md. Nothing else should run meanwhile. */
import { existsSync } from "node:fs";
import path from "node:path";
import { bundle, buildNative } from "./lib/build.mjs";
import { cacheFolder } from "./lib/places.mjs";
import { mustRun, script } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";

script(async () => {
  await setup();
  await buildNative();
  await buildNative({ target: "plumb_products" });
  await bundle();
  await mustRun(process.execPath, ["dist/cli.js", "models", "get"], "Fetching the default base model");
  const python = path.join(cacheFolder(), "python");
  if (!existsSync(path.join(python, "bin", "python")))
    await mustRun("python3", ["-m", "venv", python], "Making a Python environment for the rival");
  const pip = ["-m", "pip", "install", "--quiet", "-r", "bench/python/requirements.txt"];
  await mustRun(path.join(python, "bin", "python"), pip, "Installing PyTorch, transformers and PEFT");
  const measure = ["--import", "tsx", "bench/performance.ts", ...process.argv.slice(2)];
  await mustRun(process.execPath, measure, "Measuring", {
    env: { ...process.env, OMP_WAIT_POLICY: "PASSIVE", PLUMB_PYTHON: path.join(python, "bin", "python") },
  });
});
