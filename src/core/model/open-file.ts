import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { mistakenFile } from "./mistaken";
import { unsupported } from "./problem";
import { say } from "../say";

/**
 * Lets `read` look into a file of weights. Other things than files are not opened, since a pipe would not come back.
 * @throws PlumbError where it is no file, or none of a model's.
 */
export function withFile<T>(file: string, read: (descriptor: number, size: number) => T): T {
  if (!statSync(file).isFile())
    throw unsupported(file, say`this is no file. Get the file from where the model came.`);
  const descriptor = openSync(file, "r");
  try {
    const start = Buffer.alloc(200);
    const mistaken = mistakenFile(start.subarray(0, readSync(descriptor, start, 0, start.length, 0)), file);
    if (mistaken !== null) throw mistaken;
    return read(descriptor, fstatSync(descriptor).size);
  } finally {
    closeSync(descriptor);
  }
}
