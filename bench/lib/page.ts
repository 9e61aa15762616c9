/** Tables that a measurement writes into a page of the documentation. */
import { readFileSync, writeFileSync } from "node:fs";

export const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

/** Replaces what stands between `<!-- NAME: begin -->` and `<!-- NAME: end -->`. */
export function writeBetween(file: string, name: string, text: string): void {
  const page = readFileSync(file, "utf8");
  const begin = `<!-- ${name}: begin -->`;
  const end = `<!-- ${name}: end -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no place for "${name}".`);
  writeFileSync(file, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`);
}
