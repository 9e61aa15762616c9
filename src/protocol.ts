/** Messages between the extension and its panels: types only, imports nothing. */

/** Report panel to extension: the user wants to see an example in its file. */
export interface FromReport {
  readonly type: "open-example";
  readonly id: string;
}
