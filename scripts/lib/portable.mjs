/**
 * The engine as it is shipped: built against glibc 2.28 with the C++ library linked in, whatever the system's compiler is, and
 * put beside the libraries that it needs. THIRD-PARTY-NOTICES.md says what each file is and where it comes from.
 */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import path from "node:path";
import { buildNative } from "./build.mjs";
import { buildForAllGpus, hasNvcc, library as cudaLibrary } from "./cuda.mjs";
import { cacheFolder, oneDnnFolder, root } from "./places.mjs";
import { ask, mustRun, Stop } from "./process.mjs";
import { unpackWheels } from "./wheels.mjs";

/** As VS Code names platforms. */
export const platform = "linux-x64";
/** Oldest that VS Code runs on. */
const glibc = "2.28";

const zigWheel = {
  name: "ziglang",
  version: "0.17.1",
  file: "ziglang-0.17.1-py3-none-manylinux_2_12_x86_64.manylinux2010_x86_64.musllinux_1_1_x86_64.whl",
  sha256: "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",
};
/** Brings GCC's OpenMP library, built for glibc 2.17; nothing else of it is used. */
const openMp = {
  name: "scikit-learn",
  version: "1.9.1",
  file: "scikit_learn-1.9.1-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
  sha256: "52a0703bbc07ad27f560fa63fa68e4c54dd735bfbbf65b4dd3c225dc7547b6df",
  options: "--python-version 3.11 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64".split(
    " ",
  ),
};
/** Brings GCC's C++ library as oneDNN wants it, built for glibc 2.17. */
const gccLibraries = {
  name: "@napi-rs/cross-toolchain-x64-target-x86_64",
  version: "1.0.0",
  sha256: "351f6ee9bc8e444dfb8ac6eddfe9daed02c9508399bd20c511e3f9e027d6e988",
};

const tools = () => path.join(cacheFolder(), "tools");
const buildFolder = path.join(root, "build", "native-portable");

/**
 * Builds the engine and fills a folder with it and with all that it loads.
 * @param {{ engine: string, licences: string }} folders they are made
 */
export async function buildPortable({ engine, licences }) {
  const compiler = await zigFolder();
  const libraries = await runtimeFolder();
  await buildNative({
    folder: buildFolder,
    target: "plumb",
    options: [
      "-DCMAKE_SYSTEM_NAME=Linux",
      "-DCMAKE_SYSTEM_PROCESSOR=x86_64",
      `-DCMAKE_CXX_COMPILER=${path.join(compiler, "zig")};c++`,
      `-DCMAKE_CXX_COMPILER_TARGET=x86_64-linux-gnu.${glibc}`,
      `-DPLUMB_GOMP=${path.join(libraries, "libgomp.so.1")}`,
    ],
    env: zigEnvironment(),
  });
  await rm(engine, { recursive: true, force: true });
  await mkdir(engine, { recursive: true });
  await copyFile(path.join(buildFolder, "plumb.node"), path.join(engine, "plumb.node"));
  await copyFile(path.join(oneDnnFolder, "lib", "libdnnl.so.3"), path.join(engine, "libdnnl.so.3"));
  for (const name of await readdir(libraries)) {
    if (name.includes(".so")) await copyFile(path.join(libraries, name), path.join(engine, name));
  }
  await rm(licences, { recursive: true, force: true });
  await mkdir(licences, { recursive: true });
  const texts = {
    "oneDNN.txt": path.join(oneDnnFolder, "LICENSE"),
    "oneDNN-third-party-programs.txt": path.join(oneDnnFolder, "THIRD-PARTY-PROGRAMS"),
    "GCC-runtime-library-exception.txt": path.join(libraries, "COPYING.RUNTIME"),
    "GPL-3.0.txt": path.join(libraries, "COPYING3"),
    "libcxx.txt": path.join(compiler, "lib", "libcxx", "LICENSE.TXT"),
    "libcxxabi.txt": path.join(compiler, "lib", "libcxxabi", "LICENSE.TXT"),
    "libunwind.txt": path.join(compiler, "lib", "libunwind", "LICENSE.TXT"),
    "zig-compiler-rt.txt": path.join(compiler, "LICENSE"),
  };
  for (const [name, from] of Object.entries(texts)) await copyFile(from, path.join(licences, name));
  if (hasNvcc()) await buildPortableCuda({ engine, licences }, { compiler, libraries });
  else console.log(`LEFT OUT: the library for NVIDIA GPUs (${cudaLibrary}), since there is no nvcc here.`);
}

/**
 * The library for NVIDIA GPUs as nvcc and the system's compiler made it, linked anew against the older glibc, with the
 * compiler's C++ library and CUDA's runtime in it.
 * @param {{ engine: string, licences: string }} folders @param {{ compiler: string, libraries: string }} tools
 */
async function buildPortableCuda({ engine, licences }, { compiler, libraries }) {
  const folder = await buildForAllGpus();
  const objects = (await readFile(path.join(folder, "plumb_cuda.objects"), "utf8")).trim().split("\n");
  const sources = path.join(root, "native", "ops", "cuda");
  const cplusplus = ask("c++", ["-print-file-name=libstdc++.a"])?.trim() ?? "";
  if (!path.isAbsolute(cplusplus)) throw new Stop("The C++ compiler has no libstdc++.a to link.");
  const arguments_ = [
    ...["cc", "-target", `x86_64-linux-gnu.${glibc}`, "-O2", "-shared", "-s"],
    ...["-o", path.join(engine, cudaLibrary), ...objects, path.join(sources, "older_glibc.c"), cplusplus],
    ...[path.join(libraries, "libgcc_s.so.1"), "-lpthread", "-ldl", "-lrt", "-lm"],
    ...["-Wl,-z,defs", `-Wl,--version-script=${path.join(sources, "exports.map")}`],
    ...["-Wl,-rpath,$ORIGIN", "-Wl,--disable-new-dtags"],
  ];
  await mustRun(path.join(compiler, "zig"), arguments_, `Linking ${cudaLibrary}`, {
    show: "on failure",
    env: zigEnvironment(),
  });
  await copyFile(await cudaLicence(objects.at(-1) ?? ""), path.join(licences, "NVIDIA-CUDA.txt"));
}

/**
 * The licence of the toolkit that this runtime is of: NVIDIA's installer and its Python packages put it into different places.
 * @param {string} runtime @returns {Promise<string>}
 */
async function cudaLicence(runtime) {
  for (let folder = path.dirname(runtime), i = 0; i < 4; folder = path.dirname(folder), i++) {
    const packages = path.join(folder, "dist-info");
    const ofRuntime = existsSync(packages)
      ? (await readdir(packages)).filter((name) => name.startsWith("nvidia_cuda_runtime-"))
      : [];
    const places = [
      "EULA.txt",
      "doc/EULA.txt",
      ...ofRuntime.map((name) => `dist-info/${name}/licenses/License.txt`),
    ];
    const found = places.map((place) => path.join(folder, place)).find((file) => existsSync(file));
    if (found !== undefined) return found;
  }
  throw new Stop(`The licence of CUDA's runtime, which is shipped with it, is not found near ${runtime}.`);
}

/** The compiler, which compiles for other systems too, as a program. @returns {Promise<string>} */
export const zig = async () => path.join(await zigFolder(), "zig");

/** @returns {NodeJS.ProcessEnv} */
export const zigEnvironment = () => ({
  ...process.env,
  ZIG_GLOBAL_CACHE_DIR: path.join(tools(), "zig-cache"),
});

/** @returns {Promise<string>} folder of the compiler and its libraries */
async function zigFolder() {
  const folder = path.join(tools(), `zig-${zigWheel.version}`);
  if (!existsSync(path.join(folder, "zig"))) {
    await unpackWheels(
      [zigWheel],
      folder,
      (name) => /^ziglang\/((?:lib\/.+)|zig|LICENSE)$/.exec(name)?.[1] ?? null,
    );
    await chmod(path.join(folder, "zig"), 0o755);
  }
  return folder;
}

/** @returns {Promise<string>} folder of GCC's libraries and their licence */
async function runtimeFolder() {
  const folder = path.join(tools(), `gcc-libraries-${gccLibraries.version}`);
  const done = path.join(folder, "unpacked.txt");
  const wanted = `${gccLibraries.sha256}\n${openMp.sha256}\n`;
  if (existsSync(done) && (await readFile(done, "utf8")) === wanted) return folder;
  await unpackWheels([openMp], folder, (name) =>
    /^scikit_learn\.libs\/libgomp-\w+\.so\.1\.0\.0$/.test(name) ? "libgomp.so.1" : null,
  );
  await giveName(path.join(folder, "libgomp.so.1"), /libgomp-\w+\.so\.1\.0\.0\0/, "libgomp.so.1");
  await unpackGccLibraries(folder);
  await writeFile(done, wanted);
  return folder;
}

/**
 * The wheel's tools gave the library a name of their own, by which nobody asks for it. Its place is as long as before.
 * @param {string} file @param {RegExp} old with the byte that ends it @param {string} name
 */
async function giveName(file, old, name) {
  const text = (await readFile(file)).toString("latin1");
  const found = old.exec(text);
  if (found === null) throw new Stop(`${file} does not have the name that was expected (${old}).`);
  const padded = name.padEnd(found[0].length, "\0");
  await writeFile(
    file,
    Buffer.from(
      text.replace(found[0], () => padded),
      "latin1",
    ),
  );
}

/** @param {string} folder */
async function unpackGccLibraries(folder) {
  const temporary = await mkdtemp(path.join(folder, "download-"));
  const how = { show: /** @type {const} */ ("on failure"), cwd: temporary };
  const { name, version } = gccLibraries;
  try {
    console.log(`Fetching ${name} ${version} (what it takes is kept in ${folder})`);
    await mustRun("npm", ["pack", "--silent", `${name}@${version}`], `Fetching ${name}`, how);
    const [archive = ""] = await readdir(temporary);
    const found = createHash("sha256")
      .update(await readFile(path.join(temporary, archive)))
      .digest("hex");
    if (found !== gccLibraries.sha256) {
      throw new Stop(
        `${name} ${version}: expected SHA-256 ${gccLibraries.sha256}, found ${found}. Nothing was unpacked.`,
      );
    }
    await mustRun("python3", ["-c", unpacking, archive, folder], `Unpacking ${archive}`, how);
    for (const library of ["libstdc++.so.6", "libgcc_s.so.1"]) {
      await mustRun("strip", ["--strip-unneeded", path.join(folder, library)], `Stripping ${library}`, how);
    }
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** An archive inside an archive, of which four files are wanted. */
const unpacking = `
import io, os, sys, tarfile
archive, folder = sys.argv[1:]
inner = tarfile.open(archive).extractfile("package/x86_64-unknown-linux-gnu.tar.xz").read()
files = tarfile.open(fileobj=io.BytesIO(inner), mode="r:xz")
wanted = {
    "x86_64-unknown-linux-gnu/sysroot/lib/libstdc++.so.6.0.19": "libstdc++.so.6",
    "x86_64-unknown-linux-gnu/sysroot/lib/libgcc_s.so.1": "libgcc_s.so.1",
    "share/licenses/gcc/COPYING.RUNTIME": "COPYING.RUNTIME",
    "share/licenses/gcc/COPYING3": "COPYING3",
}
for member in files:
    name = wanted.pop(os.path.normpath(member.name), None)
    if name is not None:
        with open(os.path.join(folder, name), "wb") as out:
            out.write(files.extractfile(member).read())
if wanted:
    sys.exit("not in the archive: " + ", ".join(wanted))
`;
