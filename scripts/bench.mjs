/**
 * `npm run bench`: measures speed and memory against the bare products and the usual Python stack, and writes the tables of
 * docs/performance.md. Wants the machine for itself. PLUMB_PYTHON names a Python that has bench/python/requirements.txt;
 * else a virtual environment is made in the cache folder.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { bundle, buildNative } from "./lib/build.mjs";
import { cacheFolder, root } from "./lib/places.mjs";
import { mustRun, script } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";

/** @returns {Promise<string>} a Python with the packages that Plumb is measured against */
async function benchPython() {
  if (process.env.PLUMB_PYTHON) return process.env.PLUMB_PYTHON;
  const folder = path.join(cacheFolder(), "python");
  const python = path.join(folder, "bin", "python");
  const stamp = path.join(folder, "installed.txt");
  const lists = ["bench/python/requirements.txt", "test/fixtures/requirements.txt"];
  const texts = await Promise.all(lists.map((name) => readFile(path.join(root, name), "utf8")));
  const wanted = createHash("sha256").update(texts.join("\n")).digest("hex");
  if (existsSync(python) && existsSync(stamp) && (await readFile(stamp, "utf8")) === wanted) return python;

  console.log(`Installing PyTorch and what stands beside it (kept in ${folder}; some minutes, about 2 GB)`);
  if (!existsSync(python)) {
    await mustRun(
      "python3",
      ["-m", "venv", folder],
      "Making a virtual environment (Debian: apt-get install python3-venv)",
      {
        show: "on failure",
      },
    );
  }
  await mustRun(
    python,
    ["-m", "pip", "install", "--quiet", "-r", path.join(root, lists[0] ?? "")],
    "Installing PyTorch",
  );
  await writeFile(stamp, wanted);
  return python;
}

script(async () => {
  await setup();
  await buildNative({ target: "plumb" });
  await buildNative({ target: "plumb_products" });
  await bundle();
  await mustRun(process.execPath, ["dist/cli.js", "models", "get"], "Fetching the default base model");
  await mustRun(
    process.execPath,
    ["--import", "tsx", "bench/performance.ts", ...process.argv.slice(2)],
    "Measuring",
    {
      env: {
        ...process.env,
        OMP_WAIT_POLICY: "PASSIVE",
        GOMP_SPINCOUNT: "5000",
        PLUMB_PYTHON: await benchPython(),
      },
    },
  );
});
