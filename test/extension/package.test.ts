import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { makeTask } from "../unit/tuning/fake-task";
import { isElf, readElf, type Elf } from "./elf";

const root = path.resolve(__dirname, "../..");
const tiny = path.join(root, "test/fixtures/tiny.gguf");
/** The oldest that VS Code itself runs on (its requirements for Linux). */
const OLDEST_GLIBC = [2, 28];
/** Opened where a GPU is asked for; packed where it can be built. */
const FOR_GPUS = "libplumb_cuda.so";
const HAS_NVCC = spawnSync("nvcc", ["--version"]).status === 0;
const GLIBC = /^(libc|libm|libdl|libpthread|librt|ld-linux-x86-64)\.so\.\d$/;

describe("the packed extension", function () {
  this.timeout(180_000);
  let file: string;
  let extension: string;
  let files: string[];
  let libraries: Map<string, Elf>;

  before(function () {
    const { PLUMB_TEST_PACKAGE, PLUMB_TEST_EXTENSION } = process.env;
    if (PLUMB_TEST_PACKAGE === undefined || PLUMB_TEST_EXTENSION === undefined) {
      console.log("      Skipped: `npm run test:long` packs and installs the extension.");
      this.skip();
    }
    [file, extension] = [PLUMB_TEST_PACKAGE, PLUMB_TEST_EXTENSION];
    files = readdirSync(extension, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(extension, path.join(entry.parentPath, entry.name)));
    libraries = new Map();
    for (const name of files) {
      const content = readFileSync(path.join(extension, name));
      if (isElf(content)) libraries.set(path.basename(name), readElf(content));
    }
  });

  const plumb = (folder: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) =>
    execFileSync(process.execPath, [path.join(folder, "dist", "cli.js"), ...args], {
      encoding: "utf8",
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "pipe"],
    });

  it("is no larger than 40 MB and names its platform", () => {
    assert.ok(statSync(file).size <= 40e6, `${statSync(file).size} bytes`);
    const inside = readFileSync(path.join(extension, ".vsixmanifest"), "utf8");
    assert.match(inside, /TargetPlatform="linux-x64"/);
  });

  it("holds what runs, and nothing of what it was made from", () => {
    const needed = ["package.json", "dist/extension.js", "dist/worker.js", "dist/native/plumb.node"];
    for (const name of needed) assert.ok(files.includes(path.normalize(name)), name);
    const strange = files.filter((name) =>
      /\.(map|ts|tsx|mjs|cpp|h|o|a|py|lock)$|node_modules|\.plumb[\\/]/.test(name),
    );
    assert.deepEqual(strange, []);
    const mapped = files.filter(
      (name) =>
        name.endsWith(".js") && readFileSync(path.join(extension, name), "utf8").includes("sourceMappingURL"),
    );
    assert.deepEqual(mapped, []);
  });

  it("has the licence of everything that is in it", () => {
    const notices = readFileSync(path.join(extension, "THIRD-PARTY-NOTICES.md"), "utf8");
    for (const name of libraries.keys()) {
      if (name !== "plumb.node") assert.ok(notices.includes(`\`${name}\``), `${name} is not in the notices`);
    }
    const named = [...notices.matchAll(/`licenses\/([\w.-]+)`/g)]
      .map(([, name]) => name)
      .filter((name) => HAS_NVCC || name !== "NVIDIA-CUDA.txt")
      .sort();
    assert.deepEqual(named, readdirSync(path.join(extension, "licenses")).sort());
    for (const name of named) {
      assert.ok(statSync(path.join(extension, "licenses", name)).size > 500, name);
    }
  });

  it("asks for no symbol that is newer than glibc 2.28", () => {
    const seen: string[] = [];
    for (const [name, { wanted }] of libraries) {
      for (const version of [...wanted.values()].flat()) {
        const number = /^GLIBC_(\d+)\.(\d+)/.exec(version);
        if (number === null) continue;
        seen.push(version);
        const [major, minor] = [Number(number[1]), Number(number[2])];
        const isOld = major < OLDEST_GLIBC[0]! || (major === OLDEST_GLIBC[0] && minor <= OLDEST_GLIBC[1]!);
        assert.ok(isOld, `${name} wants ${version}`);
      }
    }
    assert.ok(seen.length > 20);
  });

  it("brings every library that it loads, but for glibc, with the versions that are asked for", () => {
    assert.equal(libraries.size, HAS_NVCC ? 6 : 5);
    for (const [name, { needed, wanted }] of libraries) {
      for (const other of needed)
        assert.ok(GLIBC.test(other) || libraries.has(other), `${name} needs ${other}`);
      for (const [other, versions] of wanted) {
        const had = libraries.get(other)?.versions;
        for (const version of versions) {
          assert.ok(had?.includes(version) ?? GLIBC.test(other), `${name} wants ${version} of ${other}`);
        }
      }
    }
  });

  it("has the C++ library linked into the addon, and shows others nothing but its two entries", () => {
    const addon = libraries.get("plumb.node");
    assert.ok(addon);
    assert.deepEqual(
      addon.needed.filter((name) => /stdc\+\+|libc\+\+|gcc/.test(name)),
      [],
    );
    assert.deepEqual([...addon.exported].sort(), [
      "napi_register_module_v1",
      "node_api_module_get_api_version_v1",
    ]);
  });

  it("finds them beside the addon, whatever the machine has", () => {
    const folder = path.join(extension, "dist", "native");
    const found = execFileSync("ldd", [path.join(folder, "plumb.node")], { encoding: "utf8" });
    for (const name of libraries.keys()) {
      if (name === "plumb.node" || name === FOR_GPUS) continue;
      assert.ok(found.includes(`${name} => ${path.join(folder, name)} `), `${name}:\n${found}`);
    }
  });

  it("has the library for GPUs where it can be built, of at most 30 MB, with no runtime to be installed", function () {
    assert.equal(libraries.has(FOR_GPUS), HAS_NVCC);
    if (!HAS_NVCC) this.skip();
    const { needed, exported } = libraries.get(FOR_GPUS)!;
    assert.deepEqual(exported, ["plumb_cuda_library"]);
    assert.deepEqual(
      needed.filter((name) => /stdc\+\+|cuda/.test(name)),
      [],
    );
    const folder = path.join(extension, "dist", "native");
    assert.ok(statSync(path.join(folder, FOR_GPUS)).size <= 30e6);
    const found = execFileSync("ldd", [path.join(folder, FOR_GPUS)], { encoding: "utf8" });
    assert.ok(found.includes(`libgcc_s.so.1 => ${path.join(folder, "libgcc_s.so.1")} `), found);
    // It is opened, and says what it misses on a machine without a GPU.
    const { gpus, cudaMissing } = JSON.parse(plumb(extension, ["devices", "--json"])) as {
      gpus: unknown[];
      cudaMissing: string;
    };
    assert.ok(gpus.length > 0 || cudaMissing.includes("NVIDIA driver"), cudaMissing);
  });

  it("chooses by the processor while it runs", () => {
    const features = (most: string) =>
      (JSON.parse(plumb(extension, ["devices", "--json"], { PLUMB_MAX_ISA: most })) as Devices).devices[0]!;
    interface Devices {
      devices: { features: string[]; precision: string }[];
    }
    const all = readFileSync("/proc/cpuinfo", "utf8");
    assert.deepEqual(features("generic"), { ...features("generic"), features: [], precision: "float32" });
    assert.deepEqual(features("avx2").features, all.includes(" avx2 ") ? ["avx2"] : []);
    assert.equal(features("avx512").features.includes("avx512"), all.includes(" avx512bw "));
  });

  it("checks a task and tunes it, with the numbers of the engine that was built here", async () => {
    const task = await makeTask("single", 90);
    try {
      plumb(extension, ["check", task.file, "--json"]);
      // The kernels of two compilers round differently; after four steps that is not yet to be seen.
      const options = [
        "--base",
        tiny,
        "--steps",
        "4",
        "--threads",
        "1",
        "--no-probe",
        "--precision",
        "float32",
        "--json",
      ];
      const losses = (folder: string) =>
        plumb(folder, ["tune", task.file, ...options])
          .split("\n")
          .filter((line) => line.includes('"phase":"tune"'))
          .map((line) => (JSON.parse(line) as { loss: number }).loss)
          .filter((loss) => loss > 0);
      const [packed, built] = [losses(extension), losses(root)];
      assert.ok(packed.length >= 4);
      assert.equal(packed.length, built.length);
      packed.forEach((loss, i) =>
        assert.ok(Math.abs(loss - built[i]!) < 1e-4, `${packed.join()} and ${built.join()}`),
      );
    } finally {
      await task.remove();
    }
  });
});
