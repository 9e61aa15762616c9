/** Scaled positions: what each frequency of a model's rotary positions is divided by. */

/** Llama 3.1's numbers, as config.json names them. */
export interface Llama3Scaling {
  readonly factor: number;
  readonly low_freq_factor: number;
  readonly high_freq_factor: number;
  readonly original_max_position_embeddings: number;
}

/** One number for each frequency; none for a head size that is no possible one and will be refused. */
function forEach(headSize: number, of: (j: number) => number): number[] {
  const length = headSize > 0 && headSize <= 4096 ? headSize / 2 : 0;
  return Array.from({ length }, (_, j) => of(j));
}

/**
 * Llama 3.1's scaling: waves that the model's first context held many times stay, those longer than it are stretched by
 * `factor`, and between the two the frequency is interpolated (as transformers' `_compute_llama3_parameters`).
 */
export function llama3Factors(theta: number, headSize: number, scaling: Llama3Scaling): number[] {
  const { factor, low_freq_factor: low, high_freq_factor: high } = scaling;
  const context = scaling.original_max_position_embeddings;
  return forEach(headSize, (j) => {
    // In tokens.
    const wavelength = 2 * Math.PI * theta ** ((2 * j) / headSize);
    if (wavelength < context / high) return 1;
    if (wavelength > context / low) return factor;
    const smooth = (context / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
}

/** All positions divided by one number. */
export function linearFactors(headSize: number, factor: number): number[] {
  return forEach(headSize, () => factor);
}
