import Module, { createRequire } from "node:module";
import path from "node:path";

type Load = (request: string, ...rest: unknown[]) => unknown;

const host = path.resolve(__dirname, "../../../src/host");
const require = createRequire(__filename);

/**
 * Loads a part of the host anew in an editor that holds as much of VS Code as a test asks.
 * @param file Below src/host.
 * @returns The part, and what gives `vscode` and the parts of before back to other tests.
 */
export function partIn(editor: object, file: string): { part: unknown; leave: () => void } {
  const modules = Module as unknown as { _load: Load };
  const load = modules._load;
  const before = new Map<string, NodeJS.Module>();
  const forget = () => {
    for (const [name, module] of Object.entries(require.cache)) {
      if (module === undefined || !name.startsWith(host)) continue;
      before.set(name, module);
      Reflect.deleteProperty(require.cache, name);
    }
  };
  forget();
  const others = new Map(before);
  modules._load = (request, ...rest) => (request === "vscode" ? editor : load(request, ...rest));
  const leave = () => {
    modules._load = load;
    forget();
    for (const [name, module] of others) require.cache[name] = module;
  };
  return { part: require(path.join(host, file)), leave };
}
