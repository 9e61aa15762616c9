/**
 * A part of the extension whose code is loaded when it is first needed: VS Code waits for what an extension loads at its start,
 * and most windows need little of it.
 */
export class Part<T> {
  private coming: Promise<T> | null = null;
  private there: T | null = null;

  /** @param make Loads the code and makes the one object of it. */
  constructor(private readonly make: () => Promise<T>) {}

  /** Null where nobody has needed it yet. */
  get made(): T | null {
    return this.there;
  }

  async get(): Promise<T> {
    this.coming ??= this.make();
    try {
      return (this.there ??= await this.coming);
    } catch (error) {
      this.coming = null; // the next who needs it tries anew
      throw error;
    }
  }
}
