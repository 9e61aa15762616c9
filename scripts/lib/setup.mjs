/**
 * What Plumb needs before it can be built: programs of the system, npm packages, oneDNN.
 * Each step looks first and does nothing where all is there.
 */
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { oneDnnFolder, root } from "./places.mjs";
import { ask, mustRun, Stop } from "./process.mjs";
import { unpackWheels } from "./wheels.mjs";

/** oneDNN 3.2: the library in one wheel, its headers in the other. docs/decisions.md says why these. */
const oneDnn = [
  {
    name: "onednn-cpu-gomp",
    version: "2023.2.0",
    file: "onednn_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl",
    sha256: "2f22a54d6a890ed14bfa185d42a4be65d8b5b1df85dc1f0f3a9abe31620416fb",
  },
  {
    name: "onednn-devel-cpu-gomp",
    version: "2023.2.0",
    file: "onednn_devel_cpu_gomp-2023.2.0-py2.py3-none-manylinux1_x86_64.whl",
    sha256: "9763c69e8c907e119056bd52ad918ca84ac9ba939d130a99dfa95ccca3e5e284",
  },
];

/** @param {{ tests?: boolean }} [options] tests: what only building the native tests needs, too */
export async function setup({ tests = false } = {}) {
  checkPlatform();
  await installSystemPackages(tests ? [...programs, doctest] : programs);
  await installNodePackages();
  await unpackOneDnn();
}

function checkPlatform() {
  const node = Number(process.versions.node.split(".")[0]);
  if (node < 20) {
    throw new Stop(
      `Plumb needs Node.js 20 or newer; this is ${process.version}. Install a newer one, then run this again.`,
    );
  }
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Stop(
      `Plumb's engine is built for Linux on x86-64 so far; this is ${process.platform} on ${process.arch}. ` +
        "On Windows it runs inside WSL 2.",
    );
  }
}

/**
 * Programs that must be there, how one sees that they are, and the packages that bring them on Debian and Ubuntu.
 * @type {{ what: string, packages: string[], found: () => boolean | Promise<boolean> }[]}
 */
const programs = [
  { what: "a C++17 compiler (g++)", packages: ["g++"], found: hasCompiler },
  { what: "CMake 3.18 or newer", packages: ["cmake"], found: hasCMake },
  { what: "make or Ninja", packages: ["make"], found: hasBuildProgram },
  { what: "Python 3 with pip", packages: ["python3", "python3-pip"], found: hasPip },
];

const doctest = {
  what: "doctest (a header for native tests)",
  packages: ["doctest-dev"],
  found: () => compiles("#include <doctest/doctest.h>\nint main() {}\n", ["-fsyntax-only"]),
};

/** @param {typeof programs} needed */
async function installSystemPackages(needed) {
  const missing = await missingPrograms(needed);
  if (missing.length === 0) return;
  console.log(`Missing: ${missing.map((program) => program.what).join(", ")}.`);

  const packages = missing.flatMap((program) => program.packages).join(" ");
  const line = `apt-get update && apt-get install -y --no-install-recommends ${packages}`;
  if (ask("apt-get", ["--version"]) === null) {
    throw new Stop("Install them with your system's package manager, then run this again.");
  }
  if (process.getuid?.() !== 0) throw new Stop(`Run this one line, then try again:\n  sudo sh -c '${line}'`);

  console.log(`Installing with the system's package manager:\n  ${line}`);
  await mustRun("sh", ["-c", line], "Installing system packages", {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
  });
  const still = await missingPrograms(needed);
  if (still.length > 0) {
    throw new Stop(
      `Still missing after that: ${still.map((program) => program.what).join(", ")}. ` +
        "This system's packages are too old; install newer ones by hand.",
    );
  }
}

/** @param {typeof programs} needed */
async function missingPrograms(needed) {
  const missing = [];
  for (const program of needed) if (!(await program.found())) missing.push(program);
  return missing;
}

/** C++17 with OpenMP: a compiler's name alone says little. */
function hasCompiler() {
  const source =
    "#include <omp.h>\n#include <optional>\nint main() { return std::optional<int>(0).value(); }\n";
  return compiles(source, ["-fopenmp"]);
}

/** @param {string} source @param {string[]} options */
async function compiles(source, options) {
  const folder = await mkdtemp(path.join(os.tmpdir(), "plumb-"));
  try {
    const file = path.join(folder, "probe.cpp");
    await writeFile(file, source);
    const compiler = process.env.CXX || "c++";
    return ask(compiler, ["-std=c++17", ...options, file, "-o", path.join(folder, "probe")]) !== null;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function hasCMake() {
  const version = /(\d+)\.(\d+)/.exec(ask("cmake", ["--version"]) ?? "");
  return version !== null && Number(version[1]) * 1000 + Number(version[2]) >= 3018;
}

function hasBuildProgram() {
  return ask("make", ["--version"]) !== null || ask("ninja", ["--version"]) !== null;
}

function hasPip() {
  return ask("python3", ["-m", "pip", "--version"]) !== null;
}

/** `npm ci`, where what is installed is not what the lock file names. */
async function installNodePackages() {
  const lock = await readLock(path.join(root, "package-lock.json"));
  if (lock === null) throw new Stop("package-lock.json is missing or damaged; restore it from git.");
  const installed = await readLock(path.join(root, "node_modules", ".package-lock.json"));
  if (installed !== null && sameVersions(lock, installed)) return;
  console.log("Installing npm packages (npm ci)");
  await mustRun("npm", ["ci", "--no-audit", "--no-fund"], "Installing npm packages");
}

/** @typedef {Record<string, { version?: string, optional?: boolean }>} LockedPackages */

/** @param {string} file @returns {Promise<LockedPackages | null>} */
async function readLock(file) {
  try {
    return JSON.parse(await readFile(file, "utf8")).packages ?? null;
  } catch {
    return null;
  }
}

/** @param {LockedPackages} lock @param {LockedPackages} installed */
function sameVersions(lock, installed) {
  return Object.entries(lock).every(([place, { version, optional }]) => {
    if (place === "" || (optional && !installed[place])) return true; // optional: made for another system
    return installed[place]?.version === version && existsSync(path.join(root, place));
  });
}

async function unpackOneDnn() {
  const stamp = path.join(oneDnnFolder, "unpacked.txt");
  const wanted = oneDnn.map((wheel) => `${wheel.sha256}  ${wheel.file}\n`).join("");
  if (existsSync(stamp) && (await readFile(stamp, "utf8")) === wanted) return;

  await unpackWheels(oneDnn, oneDnnFolder, (name) => {
    const inside = /^[^/]+\.data\/data\/(.+)$/.exec(name)?.[1];
    if (inside === undefined) return null;
    if (inside === "lib/libdnnl.so.3" || inside.startsWith("include/")) return inside;
    return /^share\/doc\/onednn\/(LICENSE|THIRD-PARTY-PROGRAMS)$/.exec(inside)?.[1] ?? null;
  });
  await symlink("libdnnl.so.3", path.join(oneDnnFolder, "lib", "libdnnl.so"));
  await writeFile(stamp, wanted);
}
