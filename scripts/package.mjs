/** `npm run package`: build/plumb-linux-x64.vsix, to be installed with "Install from VSIX" or `code --install-extension`. */
import path from "node:path";
import { bundle, buildNative } from "./lib/build.mjs";
import { stageExtension } from "./lib/package.mjs";
import { root } from "./lib/places.mjs";
import { mustRun, script } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";

script(async () => {
  await setup();
  await buildNative({ target: "plumb" });
  await bundle();
  const staged = path.join(root, "build", "extension");
  await stageExtension(staged);
  const file = path.join(root, "build", "plumb-linux-x64.vsix");
  const options = [
    "--no-dependencies",
    "--target",
    "linux-x64",
    "--no-rewrite-relative-links",
    "--out",
    file,
  ];
  await mustRun("npx", ["--yes", "@vscode/vsce@3.9.2", "package", ...options], "Packaging the extension", {
    cwd: staged,
    show: "on failure",
  });
  console.log(`The extension lies in ${path.relative(root, file)}.`);
});
