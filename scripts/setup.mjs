/** `npm run setup`: everything that building needs. */
import { script } from "./lib/process.mjs";
import { setup } from "./lib/setup.mjs";

script(() => setup({ tests: true }));
