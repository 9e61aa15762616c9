import assert from "node:assert/strict";
import path from "node:path";
import { fileNameOf, isSamePath, recordedPath, replace } from "../../../src/core/files";

/** A rename that fails so often with an error, and the milliseconds waited for it. */
async function tryReplace(platform: NodeJS.Platform, code: string, failures: number) {
  let [tries, waited] = [0, 0];
  const done = replace("a", "b", {
    platform,
    rename: () =>
      ++tries > failures ? Promise.resolve() : Promise.reject(Object.assign(new Error(code), { code })),
    wait: (milliseconds) => Promise.resolve((waited += milliseconds)),
  });
  const failed = await done.then(
    () => null,
    (error: unknown) => (error as NodeJS.ErrnoException).code,
  );
  return { tries, waited, failed };
}

describe("files", () => {
  it("on Windows, a file that a program has open for a moment is replaced once it is let go", async () => {
    for (const code of ["EPERM", "EACCES", "EBUSY"]) {
      assert.equal((await tryReplace("win32", code, 3)).failed, null);
    }
  });

  it("a file that stays open is given up after some seconds, with what the system says", async () => {
    const { failed, waited } = await tryReplace("win32", "EBUSY", Infinity);
    assert.equal(failed, "EBUSY");
    assert.ok(waited > 3000 && waited < 10_000, `${waited} ms`);
  });

  it("nothing else is tried twice: another error on Windows, the same one on other systems", async () => {
    assert.deepEqual(await tryReplace("win32", "ENOENT", 1), { tries: 1, waited: 0, failed: "ENOENT" });
    assert.deepEqual(await tryReplace("linux", "EPERM", 1), { tries: 1, waited: 0, failed: "EPERM" });
    assert.deepEqual(await tryReplace("darwin", "EACCES", 1), { tries: 1, waited: 0, failed: "EACCES" });
  });

  it("a path is recorded alike on every system, and found again on each", () => {
    const windows = recordedPath(
      "C:\\work\\.plumb\\runs\\one",
      "c:\\Work\\data\\spam.plumb.json",
      path.win32,
    );
    assert.equal(windows, "../../../data/spam.plumb.json");
    assert.equal(windows, recordedPath("/srv/.plumb/runs/one", "/srv/data/spam.plumb.json", path.posix));
    assert.equal(
      path.win32.resolve("D:\\copy\\.plumb\\runs\\one", windows),
      "D:\\copy\\data\\spam.plumb.json",
    );
    assert.equal(path.posix.resolve("/copy/.plumb/runs/one", windows), "/copy/data/spam.plumb.json");
  });

  it("a path to another drive is recorded whole", () => {
    const recorded = recordedPath("C:\\runs\\one", "D:\\start\\adapter.safetensors", path.win32);
    assert.equal(recorded, "D:/start/adapter.safetensors");
    assert.equal(path.win32.resolve("C:\\runs\\one", recorded), "D:\\start\\adapter.safetensors");
  });

  it("two spellings are one file where the system takes them for one", () => {
    const [precomposed, decomposed] = ["/data/\u00e9t\u00e9.jsonl", "/data/e\u0301te\u0301.jsonl"];
    assert.ok(isSamePath("c:\\data\\Reviews.jsonl", "C:\\Data\\reviews.JSONL", "win32"));
    assert.ok(isSamePath(precomposed, decomposed, "darwin"));
    assert.ok(!isSamePath("/data/Reviews.jsonl", "/data/reviews.jsonl", "linux"));
    assert.ok(!isSamePath(precomposed, decomposed, "linux"));
    for (const platform of ["win32", "darwin", "linux"] as const) {
      assert.ok(isSamePath("/data/a", "/data/a", platform));
      assert.ok(!isSamePath("/data/a", "/data/b", platform));
    }
  });

  it("a name that people gave is never a path, and on Windows never one that no file can have", () => {
    assert.equal(fileNameOf(" a/b\\c:d ", "linux"), "a-b-c-d");
    assert.equal(fileNameOf('Spam? "yes" | <no>', "linux"), 'Spam? "yes" | <no>');
    assert.equal(fileNameOf('Spam? "yes" | <no>', "win32"), "Spam- -yes- - -no-");
    assert.equal(fileNameOf("a\tb", "win32"), "a-b");
    for (const name of ["con", "NUL", "aux.old", "COM1", "lpt9"])
      assert.equal(fileNameOf(name, "win32"), `-${name}`);
    for (const name of ["context", "com", "null", "Тон"]) assert.equal(fileNameOf(name, "win32"), name);
  });

  it("a backslash in a name of another system's file stays one", () => {
    assert.equal(recordedPath("/srv/run", "/srv/a\\b.jsonl", path.posix), "../a\\b.jsonl");
  });
});
