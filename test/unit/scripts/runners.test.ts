import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { countCtest, countsLine, mocha, settle, total } from "../../../scripts/lib/runners.mjs";

const ctestOutput = `Test project /somewhere/build/native
      Start  1: ops
 1/6 Test  #1: ops ..............................   Passed    0.04 sec
      Start  2: a name (with words) and *** stars
 2/6 Test  #2: a name (with words) and *** stars    Passed    1.00 sec
      Start  3: gradients
 3/6 Test  #3: gradients ........................***Failed    0.10 sec
      Start  4: resume
 4/6 Test  #4: resume ...........................***Exception: SegFault  0.10 sec
      Start  5: cuda
 5/6 Test  #5: cuda .............................***Skipped   0.00 sec
      Start  6: slow
 6/6 Test  #6: slow .............................***Timeout   5.00 sec

40% tests passed, 3 tests failed out of 6
`;

describe("counting of tests", () => {
  it("counts CTest's tests by their result lines, and names what failed", () => {
    const failures = ["gradients: Failed", "resume: Exception", "slow: Timeout"];
    assert.deepEqual(countCtest(ctestOutput), { passed: 2, failed: 3, skipped: 1, failures });
  });

  it("takes a runner without tests as failed", () => {
    assert.deepEqual(settle("x", 0, { passed: 0, failed: 0, skipped: 0 }), {
      passed: 0,
      failed: 1,
      skipped: 0,
    });
  });

  it("takes a runner that counted nothing as failed", () => {
    assert.deepEqual(settle("x", 0, null), { passed: 0, failed: 1, skipped: 0, loaded: false });
  });

  it("takes a runner that ended badly without naming a test as failed", () => {
    assert.deepEqual(settle("x", 134, { passed: 3, failed: 0, skipped: 0 }), {
      passed: 3,
      failed: 1,
      skipped: 0,
    });
  });

  it("leaves other counts alone", () => {
    const counts = { passed: 3, failed: 2, skipped: 1 };
    assert.deepEqual(settle("x", 2, counts), counts);
  });

  it("closes with one line, skipped tests named only where there are any", () => {
    const all = total([
      { passed: 3, failed: 0, skipped: 0 },
      { passed: 1, failed: 2, skipped: 4 },
    ]);
    assert.equal(countsLine(all), "4 passed, 2 failed, 4 skipped");
    assert.equal(countsLine({ passed: 4, failed: 2, skipped: 0 }), "4 passed, 2 failed");
  });
});

describe("the Mocha runner", function () {
  this.timeout(60_000);
  let folder: string;
  const runMocha = (pattern: string) =>
    mocha(path.join(folder, pattern), { env: { ...process.env, FORCE_COLOR: "0" }, show: "never" });

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-runner-"));
    const good = `it("a", () => {}); it("b"); it("c", () => { throw new Error("wrong"); });`;
    await writeFile(path.join(folder, "good.test.ts"), good);
    await writeFile(
      path.join(folder, "hook.test.ts"),
      `before(() => { throw new Error("x"); }); it("a", () => {});`,
    );
    await writeFile(path.join(folder, "broken.test.ts"), `it("a", () => {`);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("counts what passed, failed and was skipped, and names what failed", async () => {
    const failures = ["c: wrong"];
    assert.deepEqual(await runMocha("good.test.ts"), { passed: 1, failed: 1, skipped: 1, failures });
  });

  it("counts a failing hook as failed", async () => {
    const failures = ['"before all" hook for "a": x'];
    assert.deepEqual(await runMocha("hook.test.ts"), { passed: 0, failed: 1, skipped: 0, failures });
  });

  it("fails where a file cannot be loaded", async () => {
    assert.deepEqual(await runMocha("broken.test.ts"), { passed: 0, failed: 1, skipped: 0, loaded: false });
  });

  it("fails where no file is found", async () => {
    assert.deepEqual(await runMocha("nothing-*.test.ts"), {
      passed: 0,
      failed: 1,
      skipped: 0,
      loaded: false,
    });
  });
});
