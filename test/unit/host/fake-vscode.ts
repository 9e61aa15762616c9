/**
 * A VS Code that has settings and nothing else, for modules of the host that read them: to be imported before them. Plain Node has
 * no module of that name.
 */
import Module from "node:module";

interface Change {
  affectsConfiguration(section: string): boolean;
}

const values = new Map<string, unknown>();
const listeners = new Set<(change: Change) => void>();

const api = {
  workspace: {
    getConfiguration: (section: string) => ({
      get: (name: string, otherwise: unknown) => values.get(`${section}.${name}`) ?? otherwise,
    }),
    onDidChangeConfiguration(listen: (change: Change) => void) {
      listeners.add(listen);
      return { dispose: () => void listeners.delete(listen) };
    },
  },
};

type Load = (request: string, ...rest: readonly unknown[]) => unknown;
const modules = Module as unknown as { _load: Load };
const load = modules._load;
modules._load = (request, ...rest) => (request === "vscode" ? api : load(request, ...rest));

/** What a user does on the page of settings; undefined takes a setting back. */
export function set(name: string, value: unknown): void {
  if (value === undefined) values.delete(name);
  else values.set(name, value);
  for (const listen of listeners) listen({ affectsConfiguration: (section) => name.startsWith(section) });
}
