/** `npm run package`: build/plumb-linux-x64.vsix, to be installed with "Install from VSIX" or `code --install-extension`. */
import { stat } from "node:fs/promises";
import path from "node:path";
import { packageExtension } from "./lib/package.mjs";
import { root } from "./lib/places.mjs";
import { script } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";

script(async () => {
  await setup();
  const file = await packageExtension();
  const { size } = await stat(file);
  console.log(`The extension lies in ${path.relative(root, file)} (${(size / 1e6).toFixed(1)} MB).`);
});
