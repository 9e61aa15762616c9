type Figures = Readonly<Record<string, number>>;

/** An error that a user can act on: `code` for programs, the message for people (what was tried, found, expected, what to do). */
export class PlumbError extends Error {
  /** Numbers that the sentence tells, for whoever says it in words of their own. */
  readonly figures: Figures;

  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions & { readonly figures?: Figures },
  ) {
    super(message, options);
    this.name = "PlumbError";
    this.figures = options?.figures ?? {};
  }
}
