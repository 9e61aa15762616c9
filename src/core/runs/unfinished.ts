import type { RunEntry } from "./list";

/**
 * Of the runs of a folder those that can be gone on with and are worth asking about, one a task: the newest, where nothing newer
 * is finished and nobody works on the task.
 * @param runs Newest first.
 * @param declined Folders about which the user has decided.
 */
export function unfinishedRuns(runs: readonly RunEntry[], declined: ReadonlySet<string>): RunEntry[] {
  const newest = new Map<string, RunEntry>();
  for (const run of runs) {
    if (run.task !== null && run.state !== "trouble" && !newest.has(run.task)) newest.set(run.task, run);
  }
  return [...newest.values()].filter(
    ({ state, folder }) => (state === "cut-off" || state === "paused") && !declined.has(folder),
  );
}
