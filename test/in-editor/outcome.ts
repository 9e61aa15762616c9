/** What came of the suite, by titles. */
export interface Outcome {
  readonly passed: string[];
  /** Each with its error. */
  readonly failed: string[];
}
