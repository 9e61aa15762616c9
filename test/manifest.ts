/** The extension's manifest, as far as tests look into it. */
export interface Manifest {
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly commands: readonly { readonly command: string }[];
    readonly menus: Readonly<
      Record<string, readonly { readonly command: string; readonly when?: string; readonly group?: string }[]>
    >;
    readonly configuration: {
      readonly properties: Readonly<
        Record<
          string,
          {
            readonly default: unknown;
            readonly enum?: readonly string[];
            readonly enumDescriptions?: readonly string[];
          }
        >
      >;
    };
    readonly customEditors: readonly { readonly viewType: string }[];
    readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
    readonly viewsWelcome: readonly { readonly view: string; readonly contents: string }[];
    readonly walkthroughs: readonly {
      readonly id: string;
      readonly steps: readonly {
        readonly description: string;
        readonly completionEvents: readonly string[];
      }[];
    }[];
  };
}

/** Commands that a text of the manifest links to. */
export const linkedCommands = (text: string): string[] =>
  [...text.matchAll(/\(command:([\w.]+)/g)].map((match) => match[1]!);

/** Commands on which steps of walkthroughs are done, and those that their texts link to. */
export const walkthroughCommands = ({ contributes }: Manifest): string[] =>
  contributes.walkthroughs.flatMap(({ steps }) =>
    steps.flatMap(({ description, completionEvents }) => [
      ...completionEvents.flatMap((event) => (event.startsWith("onCommand:") ? [event.slice(10)] : [])),
      ...linkedCommands(description),
    ]),
  );
