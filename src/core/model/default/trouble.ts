import { PlumbError } from "../../errors";
import { say } from "../../say";
import { systemReason } from "../../system-error";

export function diskFull(folder: string, found: string, needed: number): PlumbError {
  return new PlumbError(
    "disk-full",
    say`Not enough room in ${folder}: ${found}, ${Math.ceil(needed / 1e6)} MB are needed. Make room, or keep base models on another disk (PLUMB_MODELS; in VS Code the setting "Plumb: Models Folder").`,
  );
}

/** What the file system says where a model is brought into a folder, in a sentence. */
export function asFetchError(error: unknown, folder: string): unknown {
  if (!(error instanceof Error) || error instanceof PlumbError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new PlumbError(
      "disk-full",
      say`The disk of ${folder} is full. Make room, or keep base models on another disk (PLUMB_MODELS; in VS Code the setting "Plumb: Models Folder").`,
      { cause: error },
    );
  }
  if (code === undefined) return error;
  return new PlumbError(
    "models-folder",
    say`The model could not be put into ${folder}: ${systemReason(error)}. Set PLUMB_MODELS (in VS Code "Plumb: Models Folder") to a folder that may be written.`,
    { cause: error },
  );
}
