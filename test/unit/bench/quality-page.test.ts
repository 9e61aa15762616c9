import assert from "node:assert/strict";
import { agreementOfMeans } from "../../../bench/lib/quality-page";

describe("the page of quality", () => {
  it("names every task whose mean is further from PyTorch's than is wanted, in either direction", () => {
    const tasks = [
      { task: "near", differences: [0.009, -0.02, 0.02] },
      { task: "above", differences: [0.01, 0.03] },
      { task: "below", differences: [-0.03, -0.01] },
      { task: "once", differences: [0.5] },
    ];
    const said = agreementOfMeans(
      tasks,
      tasks.slice(0, 3).flatMap(({ differences }) => differences),
    );
    assert.match(said, /^Over all 7 runs .*\nmet over all runs, and by 1 of 3 tasks by themselves; not by/u);
    assert.ok(
      said.endsWith("above (+0.020, standard error 0.010) and below (−0.020, standard error 0.010).\n"),
      said,
    );
    assert.match(agreementOfMeans(tasks.slice(1, 2), [0.01, 0.03]), /\nmissed over all runs/u);
    assert.equal(agreementOfMeans([], [0.1]), "");
  });
});
