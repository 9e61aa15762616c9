import { mkdir } from "node:fs/promises";
import path from "node:path";
import { writeFileAtomic } from "../../files";
import type { BaseModel, TextTokenizer } from "../base-model";
import { mismatch } from "../problem";
import { toBfloat16 } from "./bfloat16";
import type { ModelSource } from "./source";
import { writeTensorFile } from "./tensor-file";
import { pretty } from "./tokenizer-files";
import { say } from "../../say";

/** Without it a folder is no model: it is written last. */
const CONFIG = "config.json";

/**
 * Writes a model of the base's shape as a folder in Hugging Face form, in bfloat16.
 * @param page README.md.
 * @param valuesOf A parameter by its Hugging Face name, rows in Hugging Face's order.
 */
export async function writeModel(
  folder: string,
  base: BaseModel,
  source: ModelSource,
  page: string,
  valuesOf: (name: string) => Float32Array | Promise<Float32Array>,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [name, content] of source.files) await writeFileAtomic(path.join(folder, name), content);
  await writeFileAtomic(path.join(folder, "README.md"), page);
  const tensors = base.table.tensors.map(({ name, shape }) => ({ name, shape, dtype: "BF16" as const }));
  await writeTensorFile(path.join(folder, "model.safetensors"), { format: "pt" }, tensors, async ({ name }) =>
    toBfloat16(await valuesOf(name)),
  );
  await writeFileAtomic(path.join(folder, CONFIG), pretty(source.config));
}

/** Texts with what tokenizers treat in ways of their own: digits, runs of spaces, line breaks, scripts, bytes without a word. */
const SAMPLES = [
  "Only 2 left at this price: your neighbours don't wait, they've ordered 1,234.50!",
  "  leading,\ttabs\n\nand  double  spaces \r\n",
  "Кажуть, що ціна зросте завтра. Не чекайте!",
  "日本語と中文、العربية, हिन्दी",
  "a\u0301 e\u0301 \u00e9 \ud83d\ude42 \u0000\u007f",
  "def f(x):\n    return x ** 2  # 10_000",
];

const near = (a: unknown, b: unknown): boolean =>
  typeof a === "number" && typeof b === "number" ? Math.abs(a - b) <= 1e-5 * Math.abs(a) : a === b;

/**
 * What was written, read back, has the shape and the tokens of what it was made from.
 * @throws PlumbError naming what differs.
 */
export function checkWritten(base: BaseModel, written: BaseModel): void {
  const fail = (what: string) =>
    mismatch(
      written.path,
      say`the model that was written does not read as its base ${base.name} does: ${what}. This is a fault of Plumb; please report it.`,
    );
  const flat = (model: BaseModel) =>
    Object.entries(model.table.config).flatMap(([name, value]: [string, unknown]) =>
      Array.isArray(value)
        ? value.map((one: unknown, i): [string, unknown] => [`${name}[${i}]`, one])
        : [[name, value] as [string, unknown]],
    );
  const found = new Map(flat(written));
  const wanted = new Map(flat(base));
  for (const name of new Set([...found.keys(), ...wanted.keys()])) {
    if (!near(wanted.get(name), found.get(name)))
      throw fail(say`${name} is ${String(found.get(name))}, expected ${String(wanted.get(name))}`);
  }
  const tokens = (tokenizer: TextTokenizer) => [
    tokenizer.bos,
    tokenizer.endOfText,
    ...SAMPLES.map((text) => tokenizer.encode(text).join(" ")),
  ];
  const [before, after] = [tokens(base.tokenizer), tokens(written.tokenizer)];
  const other = before.findIndex((ids, i) => ids !== after[i]);
  if (other >= 0)
    throw fail(say`its tokenizer gives ${String(after[other])}, expected ${String(before[other])}`);
}
