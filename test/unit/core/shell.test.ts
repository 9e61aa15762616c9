import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { shellWord } from "../../../src/core/shell";

describe("a word of a command for a shell", () => {
  it("comes out of the shell as it was", () => {
    const words = [
      "with space",
      "$HOME",
      'a"b',
      "it's",
      "a\nb",
      "a\\b",
      "!x",
      "`id`",
      "*",
      "#a",
      "a;b",
      "é🎈",
      "x%20",
      "",
    ];
    const printed = execFileSync("sh", ["-c", `printf '%s\\0' ${words.map(shellWord).join(" ")}`]);
    assert.deepEqual(printed.toString().split("\0").slice(0, -1), words);
  });

  it("has no quotes where it needs none", () => {
    for (const word of [
      "moods.plumb.json",
      "/home/anna/тексты/a-b_2.json",
      "text:now",
      ".plumb/runs/2026-01-31T09-00-00Z-x",
    ])
      assert.equal(shellWord(word), word);
  });
});
