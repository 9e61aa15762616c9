/**
 * Starts the extension of a folder of bundles beside a VS Code that does nothing, in a window where no task is open, and prints
 * which files of the folder were loaded: `node --import tsx loaded.ts FOLDER`.
 */
import Module, { createRequire } from "node:module";
import path from "node:path";

type Load = (request: string, ...rest: readonly unknown[]) => unknown;
interface Extension {
  activate(context: object): void;
}

const anything: object = new Proxy(() => anything, {
  get: (_, key) => (key === Symbol.toPrimitive ? () => "" : anything),
  set: () => true,
  apply: () => anything,
});
/** For `new`, of which an arrow function is not capable. */
function Anything() {
  return anything;
}
const plain = ["commands", "env", "l10n", "languages", "window"];
const enumerations = [
  "CodeActionKind",
  "DiagnosticSeverity",
  "ProgressLocation",
  "QuickPickItemKind",
  "ViewColumn",
];
const named = (names: readonly string[], value: unknown) =>
  Object.fromEntries(names.map((name) => [name, value]));
const workspace = { textDocuments: [], findFiles: () => Promise.resolve([]) };
const api: object = {
  ...named([...plain, ...enumerations], anything),
  ...named(["EventEmitter", "TreeItem"], Anything),
  Uri: { file: () => anything },
  workspace: new Proxy(workspace, {
    get: (target, key) => (Reflect.get(target, key) as unknown) ?? anything,
  }),
};

const modules = Module as unknown as { _load: Load };
const load = modules._load;
modules._load = (request, ...rest) => (request === "vscode" ? api : load(request, ...rest));

const [, , folder = ""] = process.argv;
const memory = { get: (_key: string, otherwise: unknown) => otherwise };
const from = createRequire(__filename);
const extension = from(path.join(folder, "extension.js")) as Extension;
extension.activate({
  asAbsolutePath: (name: string) => path.join("/", name),
  subscriptions: [],
  workspaceState: memory,
  globalState: memory,
});
// Behind what is begun at the start.
setTimeout(() => {
  const files = Object.keys(from.cache).filter((file) => file.startsWith(folder));
  console.log(JSON.stringify(files));
}, 100);
