/** An error that a user can act on: `code` for programs, the message for people (what was tried, found, expected, what to do). */
export class PlumbError extends Error {
  constructor(
    readonly code: string,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "PlumbError";
  }
}
