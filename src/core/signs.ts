import type { LabelColor } from "./schema";

/** What a label is known by beside its name: a shape and a colour together, so that who does not tell colours apart has the shape. */
export interface Sign {
  readonly shape: string;
  readonly color: LabelColor;
}

const SHAPES = ["●", "■", "▲", "◆", "★", "✚"];
/** Five, beside six shapes: thirty pairs before one comes again. */
const COLORS_BY_PLACE = ["blue", "yellow", "green", "purple", "red"] as const;

/** The shapes in turn, then all of them with a 2 beside, then with a 3. */
function shapeAt(at: number): string {
  const round = Math.floor(at / SHAPES.length) + 1;
  const number = round === 1 ? "" : String(round).replace(/\d/g, (digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]!);
  return SHAPES[at % SHAPES.length]! + number;
}

/** The sign of a label without a colour of its own: no other label has a say in it. */
function signByPlace(at: number): Sign {
  const round = Math.floor(at / (SHAPES.length * COLORS_BY_PLACE.length));
  return {
    shape: shapeAt(round * SHAPES.length + (at % SHAPES.length)),
    color: COLORS_BY_PLACE[at % COLORS_BY_PLACE.length]!,
  };
}

/**
 * Signs of a task's labels, no two alike. A label that was given a colour keeps the shape of its place, or has the next one
 * that no other label of that colour has.
 * @param colors In the order of the labels; null where none was chosen.
 */
export function signsOf(colors: readonly (LabelColor | null)[]): Sign[] {
  const keyOf = ({ shape, color }: Sign) => `${color} ${shape}`;
  const byPlace = colors.map((color, at) => (color === null ? signByPlace(at) : null));
  const taken = new Set(byPlace.flatMap((sign) => (sign === null ? [] : [keyOf(sign)])));
  const chosen = (color: LabelColor, at: number): Sign => {
    for (let step = 0; ; step++) {
      const round = Math.floor(step / SHAPES.length);
      const sign = { shape: shapeAt(round * SHAPES.length + ((at + step) % SHAPES.length)), color };
      if (taken.has(keyOf(sign))) continue;
      taken.add(keyOf(sign));
      return sign;
    }
  };
  return colors.map((color, at) => byPlace[at] ?? chosen(color!, at));
}
