import { getSystemErrorMap } from "node:util";
import { say } from "./say";

/** What the operating system refuses, as clauses. */
const reasons = (): Readonly<Record<string, string>> => ({
  EACCES: say`no permission`,
  EPERM: say`no permission`,
  ENOENT: say`there is no such file or folder`,
  ENOTDIR: say`a part of the path is a file, not a folder`,
  EISDIR: say`it is a folder`,
  EEXIST: say`there is one of that name already`,
  ENOTEMPTY: say`the folder is not empty`,
  ENAMETOOLONG: say`the name is too long`,
  ELOOP: say`symbolic links go in a circle`,
  ENOSPC: say`no space is left on the disk`,
  EDQUOT: say`the disk quota is used up`,
  EFBIG: say`the file would be too large for this disk`,
  EROFS: say`the disk is read-only`,
  EIO: say`the disk cannot be read or written`,
  EBUSY: say`another program uses it`,
  ETXTBSY: say`another program uses it`,
  EMFILE: say`too many files are open`,
  ENFILE: say`too many files are open`,
  ENOMEM: say`there is not enough memory`,
  EAGAIN: say`the system has no more processes to give`,
});

/** What the system says, as a clause; other errors in their own words. */
export function systemReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  return (code === undefined ? undefined : reasons()[code]) ?? error.message;
}

/** The same for what a C library says: `No such file or directory`; null where it is nothing of the kind. */
export function spokenReason(words: string): string | null {
  const [code] = [...getSystemErrorMap().values()].find(([, said]) => said === words.toLowerCase()) ?? [];
  return (code === undefined ? undefined : reasons()[code]) ?? null;
}

/** Any error as a sentence for a person. */
export function sentenceOf(error: unknown): string {
  const reason = systemReason(error);
  if (!(error instanceof Error) || reason === error.message) return reason;
  const { path: file } = error as NodeJS.ErrnoException;
  return file === undefined
    ? say`The system refuses: ${reason}.`
    : say`The system refuses ${file}: ${reason}.`;
}
