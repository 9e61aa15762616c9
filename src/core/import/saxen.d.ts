/** What Plumb uses of saxen, which comes without types. */
declare module "saxen" {
  export class Parser {
    on(hook: "openTag", call: (name: string, attributes: () => Record<string, string>) => void): this;
    on(hook: "closeTag" | "text" | "cdata", call: (content: string) => void): this;
    on(hook: "error", call: (error: Error) => void): this;
    write(xml: string): this;
    end(): unknown;
  }
}
