/** The values in bfloat16 as bytes of a file, each rounded to the nearest, ties to even, as PyTorch rounds. */
export function toBfloat16(values: Float32Array): Uint8Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < out.length; i++) {
    const value = bits[i]!;
    const isNan = (value & 0x7fffffff) > 0x7f800000;
    // The upper half of a NaN alone may be an infinity: a NaN stays one by its highest bit.
    out[i] = isNan ? (value >>> 16) | 0x40 : (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
  }
  return new Uint8Array(out.buffer);
}
