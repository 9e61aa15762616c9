/** What a key does in the label editor, beside giving labels. Letters that are taken here name no label. */
export const COMMAND_KEYS = {
  s: "skip",
  n: "note",
  z: "undo",
  y: "redo",
  g: "jump",
  d: "descriptions",
  l: "find-label",
  "/": "search",
  "?": "keys",
  ArrowLeft: "previous",
  ArrowRight: "next",
  Home: "first",
  End: "last",
  Enter: "confirm",
  Backspace: "clear",
  Delete: "clear",
} as const;
export type LabelCommand = (typeof COMMAND_KEYS)[keyof typeof COMMAND_KEYS];

/** What was pressed, as far as it matters here. */
export interface Press {
  readonly key: string;
  readonly code: string;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  readonly shiftKey: boolean;
}

const DIGITS = Array.from("123456789");
const LETTERS = Array.from("abcdefghijklmnopqrstuvwxyz").filter((letter) => !(letter in COMMAND_KEYS));

/** A key for each of the first labels: 1 to 9, then the letters that no command has. Null past those. */
export function labelKeys(count: number): (string | null)[] {
  const keys = [...DIGITS, ...LETTERS];
  return Array.from({ length: count }, (_, at) => keys[at] ?? null);
}

/**
 * The character that a press means, whatever alphabet the keyboard is set to: letters and digits of a keyboard without
 * Latin letters count by their place. Null for presses with Ctrl, Alt or Cmd, which belong to the editor.
 */
export function keyOf({ key, code, ctrlKey, metaKey, altKey }: Omit<Press, "shiftKey">): string | null {
  if (ctrlKey || metaKey || altKey) return null;
  if (key.length > 1 || /[a-z0-9]/i.test(key)) return key.length > 1 ? key : key.toLowerCase();
  if (key === "/" || key === "?") return key;
  const place = /^(?:Key([A-Z])|(?:Digit|Numpad)([0-9]))$/.exec(code);
  if (place?.[1] !== undefined && /\p{L}/u.test(key)) return place[1].toLowerCase();
  // French keyboards have digits above signs.
  return place?.[2] ?? key;
}

/** Undo and redo as every editor has them: Ctrl or Cmd with Z, and with Shift and Z or with Y. Null for other presses. */
export function historyOf({ key, code, ctrlKey, metaKey, altKey, shiftKey }: Press): "undo" | "redo" | null {
  if (!ctrlKey && !metaKey) return null;
  switch (keyOf({ key, code, ctrlKey: false, metaKey: false, altKey })) {
    case "z":
      return shiftKey ? "redo" : "undo";
    case "y":
      return "redo";
    default:
      return null;
  }
}

/** The command of a key; null where it has none. */
export function commandOf(key: string): LabelCommand | null {
  return Object.hasOwn(COMMAND_KEYS, key) ? COMMAND_KEYS[key as keyof typeof COMMAND_KEYS] : null;
}
