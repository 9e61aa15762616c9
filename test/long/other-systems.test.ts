import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { oneDnnFolder, root } from "../../scripts/lib/places.mjs";
import { zig, zigEnvironment } from "../../scripts/lib/portable.mjs";
import { runAndRead } from "../../scripts/lib/process.mjs";

/** Systems and processors that nothing in the engine may stand in the way of (docs/design.md, "Other systems"). */
const TARGETS = ["x86_64-windows-gnu", "aarch64-macos", "aarch64-linux-gnu"];
/** What Windows brings files of its own for. */
const POSIX = ["tensor/mapped_file.cpp", "tensor/shared_library.cpp"];
const FOLDERS = ["tensor", "ops", "ops/cpu", "model", "adapter", "train"];
const native = path.join(root, "native");

/** All of the engine, as it is on a processor for which it has no kernels of its own. */
async function sources(target: string): Promise<string[]> {
  const found = ["ops/cuda/cuda_device.cpp"];
  for (const folder of FOLDERS) {
    const names = (await readdir(path.join(native, folder))).filter((name) => name.endsWith(".cpp"));
    found.push(...names.map((name) => path.posix.join(folder, name)));
  }
  // In this order: what the last one has for itself hides what others take from its header.
  found.push(...["addon", "engine_thread", "gpus", "arguments"].map((name) => `binding/${name}.cpp`));
  const left = target.includes("windows") ? POSIX : [];
  return found.filter((file) => !left.includes(file) && !file.includes("kernels_avx"));
}

describe("the engine on other systems", function () {
  this.timeout(600_000);
  let folder: string;
  before(async () => {
    await mkdir(path.join(root, "build"), { recursive: true });
    folder = await mkdtemp(path.join(root, "build", "other-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const target of TARGETS) {
    it(`compiles for ${target}, but for the files that it brings itself`, async () => {
      const files = await sources(target);
      assert.ok(files.length > 20);
      const all = path.join(folder, `${target}.cpp`);
      await writeFile(all, files.map((file) => `#include "${file}"\n`).join(""));
      const headers = ["node-addon-api", "node-api-headers/include"].map((name) =>
        path.join(root, "node_modules", name),
      );
      const options = [
        ...["c++", "-target", target, "-std=c++17", "-O0", "-c", all, "-o", `${all}.o`],
        ...["-fopenmp-simd", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"],
        ...["-I", native, "-I", path.join(native, "ops/gomp"), "-DPLUMB_GOMP"],
        ...[path.join(oneDnnFolder, "include"), ...headers].flatMap((place) => ["-isystem", place]),
        ...["-DNAPI_VERSION=8", "-DNODE_ADDON_API_CPP_EXCEPTIONS", "-DNODE_ADDON_API_CPP_EXCEPTIONS_ALL"],
      ];
      const { code } = await runAndRead(await zig(), options, { show: "on failure", env: zigEnvironment() });
      assert.equal(code, 0);
    });
  }
});
