/** Bundles the extension in parts that are loaded when they are needed. */
import { mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { root } from "./places.mjs";

/**
 * Writes a bundle of CommonJS modules: an entry, and a folder of its name with what is loaded behind `import()` and what parts
 * have in common. esbuild splits ES modules alone, so the parts are made as such, and each is turned by itself.
 * @param {import("esbuild").BuildOptions & { outdir: string, entryPoints: Record<string, string> }} options of a bundle for Node
 */
export async function bundleInParts({ outdir, sourcemap, define = {}, banner = {}, ...options }) {
  const { build, transform } = await import("esbuild");
  const folder = path.resolve(root, outdir);
  const [name = ""] = Object.keys(options.entryPoints);
  const { outputFiles } = await build({
    ...options,
    outdir,
    format: "esm",
    splitting: true,
    chunkNames: `${name}/[name]-[hash]`,
    sourcemap: sourcemap ? "inline" : false,
    write: false,
  });
  // The names of parts change with what is in them.
  await rm(path.join(folder, name), { recursive: true, force: true });
  await Promise.all(
    outputFiles.map(async (part) => {
      const { code } = await transform(part.text, {
        platform: "node",
        format: "cjs",
        target: "node20",
        supported: { "dynamic-import": false },
        sourcefile: path.basename(part.path),
        sourcemap: sourcemap ? "inline" : false,
        minifyWhitespace: options.minifyWhitespace ?? false,
        define,
        banner: banner.js ?? "",
      });
      await mkdir(path.dirname(part.path), { recursive: true });
      await writeFile(part.path, code);
    }),
  );
}
