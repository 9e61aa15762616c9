import type { ElementType } from "../engine";

/** How one kind of element lies in a file: `block` elements in `bytes` bytes; `type` where the engine can compute with it. */
export interface ElementLayout {
  readonly name: string;
  readonly block: number;
  readonly bytes: number;
  readonly type?: ElementType;
}

/** Element types of GGUF by their number. Those without `type` are known well enough to check the file, and no more. */
export const GGUF_TYPES: ReadonlyMap<number, ElementLayout> = new Map<number, ElementLayout>([
  [0, { name: "F32", block: 1, bytes: 4, type: "f32" }],
  [1, { name: "F16", block: 1, bytes: 2, type: "f16" }],
  [2, { name: "Q4_0", block: 32, bytes: 18, type: "q4_0" }],
  [3, { name: "Q4_1", block: 32, bytes: 20, type: "q4_1" }],
  [6, { name: "Q5_0", block: 32, bytes: 22, type: "q5_0" }],
  [7, { name: "Q5_1", block: 32, bytes: 24, type: "q5_1" }],
  [8, { name: "Q8_0", block: 32, bytes: 34, type: "q8_0" }],
  [9, { name: "Q8_1", block: 32, bytes: 40 }],
  [10, { name: "Q2_K", block: 256, bytes: 84, type: "q2_k" }],
  [11, { name: "Q3_K", block: 256, bytes: 110, type: "q3_k" }],
  [12, { name: "Q4_K", block: 256, bytes: 144, type: "q4_k" }],
  [13, { name: "Q5_K", block: 256, bytes: 176, type: "q5_k" }],
  [14, { name: "Q6_K", block: 256, bytes: 210, type: "q6_k" }],
  [15, { name: "Q8_K", block: 256, bytes: 292 }],
  [16, { name: "IQ2_XXS", block: 256, bytes: 66 }],
  [17, { name: "IQ2_XS", block: 256, bytes: 74 }],
  [18, { name: "IQ3_XXS", block: 256, bytes: 98 }],
  [19, { name: "IQ1_S", block: 256, bytes: 50 }],
  [20, { name: "IQ4_NL", block: 32, bytes: 18, type: "iq4_nl" }],
  [21, { name: "IQ3_S", block: 256, bytes: 110 }],
  [22, { name: "IQ2_S", block: 256, bytes: 82 }],
  [23, { name: "IQ4_XS", block: 256, bytes: 136 }],
  [24, { name: "I8", block: 1, bytes: 1 }],
  [25, { name: "I16", block: 1, bytes: 2 }],
  [26, { name: "I32", block: 1, bytes: 4 }],
  [27, { name: "I64", block: 1, bytes: 8 }],
  [28, { name: "F64", block: 1, bytes: 8 }],
  [29, { name: "IQ1_M", block: 256, bytes: 56 }],
  [30, { name: "BF16", block: 1, bytes: 2, type: "bf16" }],
  [34, { name: "TQ1_0", block: 256, bytes: 54 }],
  [35, { name: "TQ2_0", block: 256, bytes: 66 }],
  [39, { name: "MXFP4", block: 32, bytes: 17 }],
]);

/** Element types of safetensors by name. */
export const SAFETENSORS_TYPES: ReadonlyMap<string, ElementLayout> = new Map<string, ElementLayout>(
  (
    [
      { name: "F32", block: 1, bytes: 4, type: "f32" },
      { name: "F16", block: 1, bytes: 2, type: "f16" },
      { name: "BF16", block: 1, bytes: 2, type: "bf16" },
      { name: "F64", block: 1, bytes: 8 },
      { name: "F8_E4M3", block: 1, bytes: 1 },
      { name: "F8_E5M2", block: 1, bytes: 1 },
      { name: "I64", block: 1, bytes: 8 },
      { name: "I32", block: 1, bytes: 4 },
      { name: "I16", block: 1, bytes: 2 },
      { name: "I8", block: 1, bytes: 1 },
      { name: "U64", block: 1, bytes: 8 },
      { name: "U32", block: 1, bytes: 4 },
      { name: "U16", block: 1, bytes: 2 },
      { name: "U8", block: 1, bytes: 1 },
      { name: "BOOL", block: 1, bytes: 1 },
    ] satisfies ElementLayout[]
  ).map((layout) => [layout.name, layout]),
);

/** Names of the types that can be computed with, for messages. */
export function supportedTypes(types: ReadonlyMap<unknown, ElementLayout>): string {
  return [...types.values()]
    .filter(({ type }) => type !== undefined)
    .map(({ name }) => name)
    .join(", ");
}

/**
 * Bytes of a tensor, or null where its size is no safe whole number or its rows are no whole blocks.
 * @param shape Outermost extent first; its last one is the row.
 */
export function tensorBytes(layout: ElementLayout, shape: readonly number[]): number | null {
  const elements = shape.reduce((product, extent) => product * extent, 1);
  if ((shape.at(-1) ?? 1) % layout.block !== 0) return null;
  const bytes = (elements / layout.block) * layout.bytes;
  return Number.isSafeInteger(bytes) ? bytes : null;
}
