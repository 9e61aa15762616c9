/** The native tests built anew with a sanitizer, in a build folder of their own. */
import path from "node:path";
import { buildNative } from "./build.mjs";
import { nativeBuild } from "./places.mjs";
import { ctest, quietThreads } from "./runners.mjs";

/**
 * @param {"address" | "thread"} sanitizer "address" has undefined behaviour checked too
 * @returns {Promise<import("./runners.mjs").Counts>}
 */
export async function sanitized(sanitizer) {
  const folder = `${nativeBuild}-${sanitizer}`;
  const options = [`-DPLUMB_SANITIZE=${sanitizer}`];
  await buildNative({ folder, type: "RelWithDebInfo", options, tests: true });
  return ctest(path.resolve(folder), {
    ...quietThreads,
    // GCC 12's search for leaks takes a thread's own variables in a library opened at run time for a block of an old glibc
    // where they happen to lie 16 bytes behind a page's start, and crashes: it is not to look where they lie.
    ASAN_OPTIONS: "halt_on_error=1:detect_leaks=1:intercept_tls_get_addr=0",
    UBSAN_OPTIONS: "halt_on_error=1:print_stacktrace=1",
    TSAN_OPTIONS: "halt_on_error=1",
  });
}
