/** Running other programs, and stopping with a sentence instead of a stack trace. */
import { spawn, spawnSync } from "node:child_process";
import { root } from "./places.mjs";

/** Something that the person at the keyboard can mend: the message says what and how. */
export class Stop extends Error {}

/** @typedef {"live" | "on failure" | "never"} Show when a program's output is shown */

/**
 * Runs a program to its end with the terminal's own input and output.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: Show }} [options]
 * @returns {Promise<number>} exit code; 128 where a signal ended it
 */
export function run(command, args, options = {}) {
  return runAndRead(command, args, options).then(({ code }) => code);
}

/**
 * As `run`, and returns what the program wrote to its standard output besides (with `read`), in order.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, show?: Show, read?: boolean }} [options]
 * @returns {Promise<{ code: number, output: string }>}
 */
export function runAndRead(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const show = options.show ?? "live";
    const piped = show !== "live" || options.read === true;
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: options.env ?? process.env,
      stdio: piped ? ["inherit", "pipe", "pipe"] : "inherit",
    });
    let output = "";
    let everything = "";
    child.stdout?.on("data", (/** @type {Buffer} */ chunk) => {
      output += chunk.toString();
      everything += chunk.toString();
      if (show === "live") process.stdout.write(chunk);
    });
    child.stderr?.on("data", (/** @type {Buffer} */ chunk) => {
      everything += chunk.toString();
      if (show === "live") process.stderr.write(chunk);
    });
    child.on("error", (error) => reject(new Stop(`Cannot run ${command}: ${error.message}`)));
    child.on("close", (code) => {
      if (show === "on failure" && code !== 0) process.stderr.write(everything);
      resolve({ code: code ?? 128, output });
    });
  });
}

/**
 * As `run`, but anything except success stops the script.
 * @param {string} command
 * @param {string[]} args
 * @param {string} purpose e.g. "installing the packages"
 * @param {Parameters<typeof run>[2]} [options]
 */
export async function mustRun(command, args, purpose, options) {
  const code = await run(command, args, options);
  if (code !== 0)
    throw new Stop(`${purpose} failed: \`${[command, ...args].join(" ")}\` ended with code ${code}.`);
}

/**
 * Whether a program can be started and ends well, without showing anything.
 * @param {string} command
 * @param {string[]} args
 * @returns {string | null} its output, null where it is missing or fails
 */
export function ask(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8" });
  return result.status === 0 ? result.stdout + result.stderr : null;
}

/**
 * Runs a script's main function; a `Stop` becomes its sentence and exit code 1.
 * @param {() => Promise<void>} main
 */
export function script(main) {
  main().catch((/** @type {unknown} */ error) => {
    if (error instanceof Stop) console.error(error.message);
    else console.error(error);
    process.exitCode = 1;
  });
}
