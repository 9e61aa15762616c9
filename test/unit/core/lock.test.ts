import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { isFolderLocked, lockFolder } from "../../../src/core/lock";

describe("the lock of a folder", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "plumb-lock-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));
  const write = (text: string) => writeFile(path.join(folder, "lock"), text);

  it("is seen from outside for as long as it is held", async () => {
    assert.equal(await isFolderLocked(folder), false);
    const unlock = await lockFolder(folder);
    assert.equal(await isFolderLocked(folder), true);
    await unlock();
    assert.equal(await isFolderLocked(folder), false);
  });

  it("of a process that is gone counts for nothing", async () => {
    await write(JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), start: null }));
    assert.equal(await isFolderLocked(folder), false);
  });

  it("of a process that was killed and that nobody waits for counts for nothing", async function () {
    if (process.platform !== "linux") this.skip();
    // The shell's child outlives the shell: what takes the shell's place never waits for it; the shell itself might.
    const parent = spawn("sh", ["-c", "sleep 60 & echo $!; exec sleep 60"]);
    try {
      const [pid] = (await once(parent.stdout, "data")).map(Number);
      await write(JSON.stringify({ pid, host: hostname(), start: null }));
      assert.equal(await isFolderLocked(folder), true);
      const replaced = async () => (await readFile(`/proc/${parent.pid}/comm`, "utf8")) === "sleep\n";
      for (let tries = 0; tries < 100 && !(await replaced()); tries++) {
        await new Promise((done) => setTimeout(done, 20));
      }
      process.kill(pid!, "SIGKILL");
      for (let tries = 0; tries < 100 && (await isFolderLocked(folder)); tries++) {
        await new Promise((done) => setTimeout(done, 20));
      }
      assert.doesNotThrow(() => process.kill(pid!, 0), "it is still listed");
      assert.equal(await isFolderLocked(folder), false);
    } finally {
      parent.kill("SIGKILL");
    }
  });

  it("of another machine counts: nobody here can tell whether it lives", async () => {
    await write(JSON.stringify({ pid: 1, host: `${hostname()}-other`, start: null }));
    assert.equal(await isFolderLocked(folder), true);
  });

  it("that was cut off counts while it may still be written, and no longer", async () => {
    await write('{"pid":');
    assert.equal(await isFolderLocked(folder), true);
    const past = new Date(Date.now() - 60_000);
    await utimes(path.join(folder, "lock"), past, past);
    assert.equal(await isFolderLocked(folder), false);
  });

  it("that names no process counts as cut off", async () => {
    const past = new Date(Date.now() - 60_000);
    for (const text of [
      "",
      "null",
      "5",
      "{}",
      JSON.stringify({ pid: 0, host: hostname(), start: null }),
      JSON.stringify({ pid: -1, host: hostname(), start: null }),
      JSON.stringify({ pid: 1.5, host: "", start: null }),
      JSON.stringify({ pid: process.pid, host: hostname(), start: 5 }),
    ]) {
      await write(text);
      await utimes(path.join(folder, "lock"), past, past);
      assert.equal(await isFolderLocked(folder), false, text);
      await (
        await lockFolder(folder)
      )();
    }
  });
});
