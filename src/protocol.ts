/** Messages between the extension and its panels: types only, imports nothing. */

/** Report panel to extension. */
export type FromReport =
  /** The page stands and listens. */
  | { readonly type: "ready" }
  /** The user wants to see an example in its file. */
  | { readonly type: "open-example"; readonly id: string };
