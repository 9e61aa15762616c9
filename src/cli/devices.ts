import path from "node:path";
import type { Command } from "commander";
import { CUBLAS, getCublas } from "../core/cublas/get";
import { loadEngine, type Device, type Gpus } from "../core/engine";
import { askGpus } from "../core/gpus";
import { formatBytes } from "../core/tuning/forecast";
import { listener } from "./models";
import { Progress } from "./progress";

/** `plumb devices`: what the engine can compute on here. */
export function register(program: Command): void {
  const devices = program
    .command("devices")
    .summary("list what the engine can compute on")
    .description(
      "Lists the processor and the NVIDIA GPUs that the engine can use on this machine (--device takes their names), the type of number it would multiply in, whether it multiplies with cuBLAS, and why there is no GPU, if there is none.",
    )
    .option("--json", "print the list as JSON")
    .addHelpText("after", "\nExample:\n  plumb devices\n  plumb devices get-cublas")
    .action(async ({ json }: { json?: true }) => {
      const processors = loadEngine().devices();
      const gpus = await askGpus(path.join(__dirname, "worker.js"));
      process.stdout.write(
        json === true
          ? `${JSON.stringify({ devices: processors, ...gpus }, null, 2)}\n`
          : describeDevices(processors, gpus),
      );
    });

  devices
    .command("get-cublas")
    .summary("fetch cuBLAS for NVIDIA GPUs")
    .description(
      `Fetches cuBLAS ${CUBLAS.version}, NVIDIA's library of products for its GPUs (${megabytes(CUBLAS.wheel.bytes)} MB, ${megabytes(CUBLAS.unpackedBytes)} MB unpacked, under NVIDIA's licence), with Python's pip into Plumb's cache folder, checked by its SHA-256. Only needed where "plumb devices" says that it was not found.`,
    )
    .addHelpText("after", "\nExample:\n  plumb devices get-cublas")
    .action(get);
}

async function get(): Promise<void> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stop.abort());
  const progress = new Progress(process.stderr);
  try {
    const folder = await getCublas(listener(progress, "cuBLAS", Date.now), stop.signal);
    progress.finish();
    process.stdout.write(`${folder}\n`);
  } finally {
    progress.finish();
  }
}

const megabytes = (bytes: number) => Math.round(bytes / 1e6);

/** The devices in lines for people. */
export function describeDevices(devices: readonly Device[], { gpus, cudaMissing, nccl }: Gpus): string {
  const lines = [
    ...devices.map(({ id, name, threads, features, precision }) => [
      `${id}: ${name}`,
      `  threads     ${threads}`,
      `  products    ${precision}`,
      `  features    ${features.join(", ") || "none that matters"}`,
    ]),
    ...gpus.map(({ id, name, memory, freeMemory, capability, driver, precision, ...products }) => [
      `${id}: ${name}`,
      `  memory      ${formatBytes(memory)}, ${formatBytes(freeMemory)} free`,
      `  products    ${precision}`,
      `  cuBLAS      ${products.cublas === null ? `none: ${products.cublasMissing}` : `${products.cublas} from ${String(products.cublasFile)}`}`,
      `  capability  ${capability}`,
      `  driver      for CUDA ${driver}`,
    ]),
    ...(gpus.length < 2
      ? []
      : [
          [
            "cuda:all: all of them, for tuning",
            `  NCCL        ${nccl.version === null ? `none: ${nccl.missing}` : `${nccl.version} from ${String(nccl.file)}`}`,
          ],
        ]),
    ...(cudaMissing === "" ? [] : [[`No GPU: ${cudaMissing}`]]),
  ];
  return `${lines.flat().join("\n")}\n`;
}
