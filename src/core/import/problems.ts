import { shownPath } from "../data";
import { PlumbError } from "../errors";
import { say } from "../say";

/** A file that cannot be read at all, in a sentence. */
export const importError = (file: string, code: string, message: string, cause?: unknown) =>
  new PlumbError(code, `${shownPath(file)}: ${message}`, cause === undefined ? {} : { cause });

/** What is said where the person stopped. */
export const stopped = () => new PlumbError("interrupted", say`Stopped; nothing was written.`);
