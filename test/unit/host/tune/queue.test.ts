import assert from "node:assert/strict";
import { RunQueue } from "../../../../src/host/tune/queue";

describe("runs that wait for their turn", () => {
  /** Who has been told what so far. */
  function asking(queue: RunQueue<string>) {
    const told: string[] = [];
    const ask = (who: string) => void queue.turn(who).then((turn) => told.push(`${who} ${turn}`));
    return { told, ask, settled: () => new Promise((resolve) => setImmediate(resolve)) };
  }

  it("go one at a time, in the order in which they came, and know who goes before them", async () => {
    const queue = new RunQueue<string>();
    const { told, ask, settled } = asking(queue);
    for (const who of ["a", "b", "c"]) ask(who);
    await settled();
    assert.deepEqual(told, ["a true"]);
    assert.deepEqual(
      ["a", "b", "c", "d"].map((who) => queue.before(who)),
      [null, "a", "b", null],
    );
    queue.leave("a");
    await settled();
    assert.deepEqual(told, ["a true", "b true"]);
    assert.deepEqual(
      ["b", "c"].map((who) => queue.before(who)),
      [null, "b"],
    );
    queue.leave("b");
    queue.leave("c");
    await settled();
    ask("d");
    await settled();
    assert.deepEqual(told, ["a true", "b true", "c true", "d true"]);
  });

  it("may leave before their turn: they are told so, and the others move up", async () => {
    const queue = new RunQueue<string>();
    const { told, ask, settled } = asking(queue);
    for (const who of ["a", "b", "c"]) ask(who);
    queue.leave("b");
    await settled();
    assert.deepEqual(told, ["a true", "b false"]);
    assert.equal(queue.before("c"), "a");
    queue.leave("b");
    queue.leave("nobody");
    await settled();
    assert.deepEqual(told, ["a true", "b false"], "who does not work ends nobody's turn");
    queue.leave("a");
    await settled();
    assert.deepEqual(told, ["a true", "b false", "c true"]);
  });
});
