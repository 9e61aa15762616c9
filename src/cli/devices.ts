import path from "node:path";
import type { Command } from "commander";
import { loadEngine, type Device, type Gpus } from "../core/engine";
import { askGpus } from "../core/gpus";
import { formatBytes } from "../core/tuning/forecast";

/** `plumb devices`: what the engine can compute on here. */
export function register(program: Command): void {
  program
    .command("devices")
    .summary("list what the engine can compute on")
    .description(
      "Lists the processor and the NVIDIA GPUs that the engine can use on this machine (--device takes their names), the type of number it would multiply in, and why there is no GPU, if there is none.",
    )
    .option("--json", "print the list as JSON")
    .addHelpText("after", "\nExample:\n  plumb devices")
    .action(async ({ json }: { json?: true }) => {
      const devices = loadEngine().devices();
      const gpus = await askGpus(path.join(__dirname, "worker.js"));
      process.stdout.write(
        json === true ? `${JSON.stringify({ devices, ...gpus }, null, 2)}\n` : describeDevices(devices, gpus),
      );
    });
}

/** The devices in lines for people. */
export function describeDevices(devices: readonly Device[], { gpus, cudaMissing }: Gpus): string {
  const lines = [
    ...devices.map(({ id, name, threads, features, precision }) => [
      `${id}: ${name}`,
      `  threads     ${threads}`,
      `  products    ${precision}`,
      `  features    ${features.join(", ") || "none that matters"}`,
    ]),
    ...gpus.map(({ id, name, memory, freeMemory, capability, driver, precision }) => [
      `${id}: ${name}`,
      `  memory      ${formatBytes(memory)}, ${formatBytes(freeMemory)} free`,
      `  products    ${precision}`,
      `  capability  ${capability}`,
      `  driver      for CUDA ${driver}`,
    ]),
    ...(cudaMissing === "" ? [] : [[`No GPU: ${cudaMissing}`]]),
  ];
  return `${lines.flat().join("\n")}\n`;
}
