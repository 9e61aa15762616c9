/** clang-format of one fixed version, so that every machine formats alike; from its Python wheel, kept in the cache. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, readdir } from "node:fs/promises";
import path from "node:path";
import { cacheFolder, root } from "./places.mjs";
import { unpackWheels } from "./wheels.mjs";

const wheel = {
  name: "clang-format",
  version: "19.1.7",
  file: "clang_format-19.1.7-py2.py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
  sha256: "f4906fb463dd2033032978f56962caab268c9428a384126b9400543eb667f11c",
};

/** @returns {Promise<string>} path of the program */
async function clangFormat() {
  const folder = path.join(cacheFolder(), "tools", `clang-format-${wheel.version}`);
  const program = path.join(folder, "clang-format");
  if (!existsSync(program)) {
    await unpackWheels([wheel], folder, (name) =>
      name === "clang_format/data/bin/clang-format" ? "clang-format" : null,
    );
    await chmod(program, 0o755);
  }
  return program;
}

/** @returns {Promise<string[]>} all C++ and CUDA files of native/, relative to the repository */
async function nativeSources() {
  const entries = await readdir(path.join(root, "native"), { recursive: true });
  return entries
    .filter((name) => /\.(cpp|cc|h|hpp|cu|cuh)$/.test(name))
    .sort()
    .map((name) => path.join("native", name));
}

/**
 * Checks the layout of the native sources, or mends it.
 * @param {"check" | "write"} mode
 * @returns {Promise<boolean>} whether all is well
 */
export async function formatNative(mode) {
  const program = await clangFormat();
  const args = mode === "check" ? ["--dry-run", "--Werror"] : ["-i"];
  const result = spawnSync(program, [...args, ...(await nativeSources())], { cwd: root, stdio: "inherit" });
  return result.status === 0;
}
