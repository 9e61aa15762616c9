import type { LinearMap } from "../engine";
import { MAPS_OF } from "../tuning/methods";
import type { TensorFile } from "../tuning/safetensors";

/** How far biases have moved from zero, where they start. */
interface Moved {
  /** Biases of one run. */
  readonly numbers: number;
  /** Root of the mean square. */
  readonly typical: number;
  readonly largest: number;
}

export interface GroupMovement extends Moved {
  /** A linear map, or the block that it stands in. */
  readonly group: LinearMap | keyof typeof MAPS_OF;
  /** Of all biases of a run, and of the sum of all squares. */
  readonly shareOfNumbers: number;
  readonly shareOfMovement: number;
}

export interface Movement {
  /** Each block before its maps. */
  readonly groups: readonly GroupMovement[];
  /** Layers counted from 1, neighbours together where there are many; `typical` of each map, null where it has no bias. */
  readonly layers: readonly {
    readonly first: number;
    readonly last: number;
    readonly typical: Readonly<Record<LinearMap, number | null>>;
  }[];
}

const BIAS = /^model\.layers\.(\d+)\.(?:self_attn|mlp)\.(q|k|v|o|gate|up|down)_proj\.bias$/;
/** Rows of a table that is taken in at a glance. */
const MOST_BANDS = 10;
const MAPS: readonly LinearMap[] = [...MAPS_OF.attention, ...MAPS_OF.mlp];

interface Bias {
  readonly layer: number;
  readonly map: LinearMap;
  readonly values: Float32Array;
}

function moved(biases: readonly Bias[], runs: number): Moved & { squares: number } {
  let squares = 0;
  let count = 0;
  let largest = 0;
  for (const { values } of biases) {
    count += values.length;
    for (const value of values) {
      squares += value * value;
      largest = Math.max(largest, Math.abs(value));
    }
  }
  return { numbers: count / runs, typical: Math.sqrt(squares / Math.max(1, count)), largest, squares };
}

/** @param adapters Tensors of the runs of one method, by name. Null where they have no biases. */
export function movementOf(adapters: readonly TensorFile["tensors"][]): Movement | null {
  const biases = adapters.flatMap((tensors) =>
    [...tensors].flatMap(([name, { values }]): Bias[] => {
      const [, layer, map] = BIAS.exec(name) ?? [];
      return layer === undefined ? [] : [{ layer: Number(layer), map: map as LinearMap, values }];
    }),
  );
  if (biases.length === 0) return null;
  const runs = adapters.length;
  const all = moved(biases, runs);
  const groups = (["attention", "mlp"] as const).flatMap((block) => {
    const maps: readonly LinearMap[] = MAPS_OF[block];
    return [block, ...maps].flatMap((group): GroupMovement[] => {
      const own = biases.filter(({ map }) => map === group || (group === block && maps.includes(map)));
      if (own.length === 0) return [];
      const { squares, ...rest } = moved(own, runs);
      return [
        {
          group,
          ...rest,
          shareOfNumbers: rest.numbers / all.numbers,
          shareOfMovement: all.squares === 0 ? 0 : squares / all.squares,
        },
      ];
    });
  });
  const layerCount = 1 + Math.max(...biases.map(({ layer }) => layer));
  const bands = Math.min(MOST_BANDS, layerCount);
  const layers = Array.from({ length: bands }, (_, band) => {
    const first = Math.round((band * layerCount) / bands);
    const end = Math.round(((band + 1) * layerCount) / bands);
    const inBand = biases.filter(({ layer }) => layer >= first && layer < end);
    const typical = Object.fromEntries(
      MAPS.map((wanted) => {
        const own = inBand.filter(({ map }) => map === wanted);
        return [wanted, own.length === 0 ? null : moved(own, runs).typical];
      }),
    ) as Record<LinearMap, number | null>;
    return { first: first + 1, last: end, typical };
  });
  return { groups, layers };
}
