import type { MetadataValue } from "./gguf";
import { damaged, shown } from "./problem";
import { say } from "../say";

/** Metadata of a GGUF file by key, each value checked for its type where it is used. */
export class Metadata {
  constructor(
    private readonly values: ReadonlyMap<string, MetadataValue>,
    readonly file: string,
  ) {}

  has(key: string): boolean {
    return this.values.has(key);
  }

  text(key: string): string;
  text(key: string, fallback: null): string | null;
  text(key: string, fallback?: null): string | null {
    return this.typed(key, say`a text`, (value) => typeof value === "string", fallback);
  }

  number(key: string, fallback?: number): number {
    return this.typed(key, say`a number`, (value) => typeof value === "number", fallback);
  }

  flag(key: string, fallback?: boolean): boolean {
    return this.typed(key, say`true or false`, (value) => typeof value === "boolean", fallback);
  }

  texts(key: string): readonly string[] {
    return this.typed(
      key,
      say`a list of texts`,
      (value): value is readonly string[] =>
        Array.isArray(value) && (value.length === 0 || typeof value[0] === "string"),
    );
  }

  numbers(key: string): readonly number[] {
    return this.typed(
      key,
      say`a list of numbers`,
      (value): value is readonly number[] =>
        Array.isArray(value) && (value.length === 0 || typeof value[0] === "number"),
    );
  }

  private typed<T extends MetadataValue, F>(
    key: string,
    expected: string,
    is: (value: MetadataValue) => value is T,
    fallback?: F,
  ): T | F {
    const value = this.values.get(key);
    if (value === undefined) {
      if (fallback !== undefined) return fallback;
      throw damaged(this.file, say`metadata ${shown(key)} is missing`);
    }
    if (is(value)) return value;
    const found = Array.isArray(value) ? say`a list of ${value.length}` : shown(value);
    throw damaged(this.file, say`metadata ${shown(key)} is ${found}, expected ${expected}`);
  }
}
