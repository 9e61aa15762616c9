import assert from "node:assert/strict";
import {
  COMMAND_KEYS,
  commandOf,
  historyOf,
  keyOf,
  labelKeys,
  type Press,
} from "../../../src/webview/label/keys";

const press = (key: string, code: string, more: Partial<Press> = {}): Press => ({
  key,
  code,
  ...{ ctrlKey: false, metaKey: false, altKey: false, shiftKey: false },
  ...more,
});

describe("keys of the label editor", () => {
  it("are 1 to 9 and then letters, none of them a command's and none twice", () => {
    const keys = labelKeys(77);
    assert.deepEqual(keys.slice(0, 11), ["1", "2", "3", "4", "5", "6", "7", "8", "9", "a", "b"]);
    const given = keys.filter((key) => key !== null);
    assert.equal(new Set(given).size, given.length);
    for (const key of given) assert.equal(key in COMMAND_KEYS, false, key);
    assert.equal(keys.length, 77);
    assert.equal(keys[76], null);
  });

  it("mean the same on a Russian keyboard", () => {
    assert.equal(keyOf(press("ы", "KeyS")), "s");
    assert.equal(keyOf(press("Ф", "KeyA")), "a");
    assert.equal(keyOf(press("2", "Digit2")), "2");
  });

  it("follow what is written on the key where it has a Latin letter", () => {
    assert.equal(keyOf(press("a", "KeyQ")), "a");
    assert.equal(keyOf(press("S", "KeyS")), "s");
  });

  it("count digits by their place where a sign stands on them", () => {
    assert.equal(keyOf(press("é", "Digit2")), "2");
    assert.equal(keyOf(press("3", "Numpad3")), "3");
  });

  it("leave combinations to the editor", () => {
    assert.equal(keyOf(press("z", "KeyZ", { ctrlKey: true })), null);
    assert.equal(keyOf(press("s", "KeyS", { metaKey: true })), null);
  });

  it("but for undo and redo, on any keyboard", () => {
    const held = { ctrlKey: true };
    assert.equal(historyOf(press("z", "KeyZ", held)), "undo");
    assert.equal(historyOf(press("z", "KeyY", held)), "undo"); // a German keyboard
    assert.equal(historyOf(press("я", "KeyZ", held)), "undo");
    assert.equal(historyOf(press("Z", "KeyZ", { metaKey: true, shiftKey: true })), "redo");
    assert.equal(historyOf(press("y", "KeyY", held)), "redo");
    assert.equal(historyOf(press("z", "KeyZ")), null);
    assert.equal(historyOf(press("z", "KeyZ", { ctrlKey: true, altKey: true })), null);
    assert.equal(historyOf(press("s", "KeyS", held)), null);
  });

  it("know their commands, and no property of objects", () => {
    assert.equal(commandOf("s"), "skip");
    assert.equal(commandOf("ArrowRight"), "next");
    assert.equal(commandOf("toString"), null);
  });
});
