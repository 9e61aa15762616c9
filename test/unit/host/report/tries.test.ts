import assert from "node:assert/strict";
import { Tries } from "../../../../src/host/report/tries";
import type { ToReport } from "../../../../src/protocol";

const tick = () => new Promise((resolve) => setImmediate(resolve));

describe("texts that are tried while one types", () => {
  it("asks about one at a time, and of those that came meanwhile about the newest alone", async () => {
    const asked: string[] = [];
    const answer: (() => void)[] = [];
    const told: ToReport[] = [];
    const tries = new Tries(
      (text) => {
        asked.push(text);
        return new Promise((resolve) => {
          answer.push(() => resolve({ labels: [{ label: text, probability: 1 }], output: null, cut: false }));
        });
      },
      (message) => told.push(message),
    );
    for (const text of ["O", "On", "Onl", "Only"]) void tries.take(text);
    assert.deepEqual(asked, ["O"]);
    answer[0]!();
    await tick();
    assert.deepEqual(asked, ["O", "Only"]);
    answer[1]!();
    await tick();
    assert.deepEqual(
      told.map((message) => message.type === "tried" && message.text),
      ["O", "Only"],
    );
    void tries.take("Only two");
    assert.equal(asked.at(-1), "Only two");
  });

  it("says why there is no answer, and asks again about the next text", async () => {
    const told: ToReport[] = [];
    let broken = true;
    const tries = new Tries(
      () =>
        broken
          ? Promise.reject(new Error("The base model is gone."))
          : Promise.resolve({ labels: [], output: "so", cut: true }),
      (message) => told.push(message),
    );
    await tries.take("a");
    broken = false;
    await tries.take("b");
    assert.deepEqual(told, [
      { type: "try-failed", message: "The base model is gone." },
      { type: "tried", text: "b", labels: [], output: "so", cut: true },
    ]);
  });
});
