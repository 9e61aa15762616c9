import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { cublasFolder } from "../../src/core/cache-folder";
import { CUBLAS, getCublas } from "../../src/core/cublas/get";
import { sha256 } from "../../src/core/tuning/run-folder";

const WHEEL = "a wheel of a kind\n";
/** A small one in its place. */
const small = { ...CUBLAS, wheel: { bytes: WHEEL.length, sha256: sha256(WHEEL) }, unpackedBytes: 100 };

describe("cuBLAS", function () {
  this.timeout(20_000);
  let root: string;
  const before_ = { ...process.env };
  const lines: string[] = [];
  const get = (signal = new AbortController().signal) =>
    getCublas({ say: (line) => void lines.push(line), progress: () => undefined }, signal, small);
  /** The only python3: does what pip and zipfile do, and notes how it was called. */
  const python = async (script: string) => {
    const bin = path.join(root, "bin");
    await mkdir(bin, { recursive: true });
    await writeFile(path.join(bin, "python3"), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
    await chmod(path.join(bin, "python3"), 0o755);
    process.env.PATH = bin;
  };
  const delivering = (wheel: string) =>
    python(
      `echo "$*" >> "${root}/calls"\ncase "$2" in\n` +
        `pip) while [ "$1" != --dest ]; do shift; done; printf '${wheel}' > "$2/x.whl";;\n` +
        `zipfile) for f in ${CUBLAS.files.join(" ")} nvidia/cu13/lib/libnvblas.so.13; do mkdir -p "$5/$(dirname $f)"; echo "$f" > "$5/$f"; done;;\nesac`,
    );
  const cache = () => path.join(root, "cache");
  beforeEach(async () => {
    root = await mkdtemp(path.join(os.tmpdir(), "plumb-cublas-"));
    process.env.PLUMB_CACHE = cache();
    lines.length = 0;
  });
  afterEach(async () => {
    process.env.PATH = before_.PATH;
    if (before_.PLUMB_CACHE === undefined) Reflect.deleteProperty(process.env, "PLUMB_CACHE");
    else process.env.PLUMB_CACHE = before_.PLUMB_CACHE;
    await rm(root, { recursive: true });
  });

  it("comes through pip, once, to where the engine looks, and leaves nothing else behind", async () => {
    await delivering(WHEEL);
    assert.equal(await get(), cublasFolder());
    assert.deepEqual(await readdir(cache()), ["cublas-13"]);
    assert.deepEqual((await readdir(cublasFolder())).sort(), [
      "License.txt",
      "libcublas.so.13",
      "libcublasLt.so.13",
    ]);
    assert.match(
      lines[0] ?? "",
      /^Fetching nvidia-cublas==13\.\S+ with pip: \d+ MB, \d+ MB unpacked\. .*licence/,
    );
    await get();
    const calls = (await readFile(path.join(root, "calls"), "utf8")).trim().split("\n");
    assert.equal(calls.length, 2);
    assert.match(calls[0] ?? "", / --no-deps --only-binary :all: .* nvidia-cublas==13\.0\.2\.14$/);
  });

  const refused: [string, () => Promise<void>, string, RegExp][] = [
    [
      "the index serves another wheel",
      () => delivering("other\n"),
      "fetch-checksum",
      /expected .*thrown away/,
    ],
    [
      "pip complains",
      () => python('echo "ERROR: No matching distribution found" >&2; exit 1'),
      "fetch-failed",
      /pip download said "ERROR: No matching distribution found"\..*PLUMB_CUBLAS/,
    ],
    [
      "there is no pip",
      () => python('echo "python3: No module named pip" >&2; exit 1'),
      "fetch-python",
      /python3 has no pip\. Install it/,
    ],
    [
      "the disk is full",
      () => python('echo "OSError: [Errno 28] No space left on device" >&2; exit 1'),
      "disk-full",
      /Not enough room in .* for cuBLAS/,
    ],
  ];
  for (const [what, prepare, code, message] of refused) {
    it(`is not there, whole or in parts, where ${what}`, async () => {
      await prepare();
      await assert.rejects(get(), { name: "PlumbError", code, message });
      assert.deepEqual(await readdir(cache()), []);
    });
  }

  it("is not there where it was called off", async () => {
    await python("exec sleep 100");
    const stop = new AbortController();
    const ended = assert.rejects(get(stop.signal), { code: "interrupted" });
    setTimeout(() => stop.abort(), 300);
    await ended;
    assert.deepEqual(await readdir(cache()), []);
  });
});
