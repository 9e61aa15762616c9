/** Told what happens while a model is fetched or copied. */
export interface FetchListener {
  /** A sentence. */
  say(line: string): void;
  /** Bytes that are there, of those needed; `fetched` of them came in this run. */
  progress(state: { file: string; done: number; total: number; fetched: number }): void;
}
