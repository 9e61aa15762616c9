import type { Command } from "commander";
import { loadEngine, type Engine } from "../core/engine";

/** `plumb devices`: what the engine can compute on here. */
export function register(program: Command): void {
  program
    .command("devices")
    .summary("list what the engine can compute on")
    .description(
      "Lists the processors that the engine can use on this machine, the type of number it would multiply in, and why there is no CUDA device, if there is none.",
    )
    .option("--json", "print the list as JSON")
    .addHelpText("after", "\nExample:\n  plumb devices")
    .action(({ json }: { json?: true }) => {
      const found = loadEngine().devices();
      process.stdout.write(json === true ? `${JSON.stringify(found, null, 2)}\n` : describeDevices(found));
    });
}

/** The devices in lines for people. */
export function describeDevices({ devices, cudaMissing }: ReturnType<Engine["devices"]>): string {
  const lines = devices.map(({ id, name, threads, features, precision }) =>
    [
      `${id}: ${name}`,
      `  threads     ${threads}`,
      `  products    ${precision}`,
      `  features    ${features.join(", ") || "none that matters"}`,
    ].join("\n"),
  );
  if (cudaMissing !== "") lines.push(`No CUDA device: ${cudaMissing}`);
  return `${lines.join("\n")}\n`;
}
