import path from "node:path";

/** As much of VS Code's addresses as files need. */
export class Uri {
  readonly scheme = "file";
  private constructor(readonly path: string) {}
  static readonly file = (name: string) => new Uri(name);
  static readonly joinPath = (base: Uri, ...names: string[]) => new Uri(path.posix.join(base.path, ...names));
  get fsPath() {
    return this.path;
  }
  toString() {
    return `file://${this.path}`;
  }
}
