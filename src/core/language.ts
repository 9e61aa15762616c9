import { readFileSync } from "node:fs";
import { speak } from "./say";

/** Tells a process that Plumb starts which language its sentences are wanted in: path of a translation bundle of VS Code. */
const VARIABLE = "PLUMB_LANGUAGE_FILE";

/** `bundle.l10n.ru.json`. */
const BUNDLE = /\.l10n\.([a-z]{2,3}(?:-[a-z\d]+)*)\.json$/iu;

let file: string | null = null;

/** The language that whoever started this process wants; English where nobody says one, or its file cannot be used. */
export function speakAsAsked(env: NodeJS.ProcessEnv = process.env): void {
  const asked = env[VARIABLE] ?? null;
  if (asked !== null) speakAs(asked, readBundle);
}

/**
 * Speaks the language of a translation bundle, and so do processes and threads that get `languageEnvironment()`.
 * @param read Its content; null where it cannot be had.
 */
export function speakAs(
  bundle: string,
  read: (file: string) => Readonly<Record<string, string>> | null,
): void {
  const language = BUNDLE.exec(bundle)?.[1];
  const texts = language === undefined ? null : read(bundle);
  file = texts === null ? null : bundle;
  speak(language === undefined || texts === null ? null : { language, texts });
}

/** What a process or thread needs in its environment to speak as this one does. */
export const languageEnvironment = (): Record<string, string> => (file === null ? {} : { [VARIABLE]: file });

function readBundle(path: string): Readonly<Record<string, string>> | null {
  try {
    const texts: unknown = JSON.parse(readFileSync(path, "utf8"));
    return typeof texts === "object" && texts !== null ? (texts as Record<string, string>) : null;
  } catch {
    // A sentence in English is better than none.
    return null;
  }
}
