import eslint from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

/** Modules that a folder may not import, with the reason: dependencies point one way (docs/design.md). */
const closed = (files, ...patterns) => ({
  files,
  rules: {
    "@typescript-eslint/no-restricted-imports": ["error", { patterns }],
  },
});
const noEditor = { regex: "^vscode$", message: "Only src/extension.ts and src/host know VS Code." };
const noHost = { regex: "(^|/)(host|extension)(/|$)", message: "Only src/extension.ts builds on src/host." };
const noCli = { regex: "(^|/)cli(/|$)", message: "src/cli is an end: nothing builds upon it." };
const noPanels = {
  regex: "(^|/)webview(/|$)",
  message: "Panels run in a browser of their own; talk to them through messages.",
};

export default defineConfig(
  globalIgnores(["dist/", "build/", "node_modules/", "**/.plumb/"]),
  eslint.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.mjs"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/consistent-type-imports": ["error", { fixStyle: "inline-type-imports" }],
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      // A number in a template literal reads as it should.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // `noUncheckedIndexedAccess` makes every typed-array read `number | undefined`; hot loops say `!` once.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/prefer-nullish-coalescing": ["error", { ignorePrimitives: { string: true } }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      eqeqeq: "error",
    },
  },
  closed(["src/core/**"], noEditor, noHost, noCli, noPanels),
  closed(["src/cli/**", "src/worker.ts"], noEditor, noHost, noPanels),
  closed(["src/host/**", "src/extension.ts"], noCli, noPanels),
  closed(
    ["src/webview/**"],
    noEditor,
    noHost,
    noCli,
    { regex: "^node:", message: "Panels run in a browser." },
    { regex: "^(\\.\\./)+core(/|$)", message: "Panels know src/protocol.ts alone." },
  ),
  {
    // JavaScript with types in comments: the type check knows what is defined, and casts stand where lint cannot see.
    files: ["**/*.{mjs,cjs}"],
    rules: {
      "no-undef": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
);
