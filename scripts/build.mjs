/** `npm run build`: engine and bundles. `--js` leaves the engine alone. */
import { bundle, buildNative } from "./lib/build.mjs";
import { script } from "./lib/process.mjs";

script(async () => {
  if (!process.argv.includes("--js")) await buildNative();
  await bundle();
});
