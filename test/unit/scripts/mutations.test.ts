import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";

const root = path.resolve(__dirname, "../../..");

interface Mutation {
  readonly file: string;
  readonly find: string;
}

describe("places that mutations break", () => {
  const mutations = JSON.parse(readFileSync(path.join(root, "test/mutations.json"), "utf8")) as Mutation[];

  for (const file of new Set(mutations.map((mutation) => mutation.file))) {
    it(`stand once each in ${file}`, () => {
      assert.ok(existsSync(path.join(root, file)), "the file is not there");
      const text = readFileSync(path.join(root, file), "utf8");
      const lost = mutations.filter((each) => each.file === file && text.split(each.find).length !== 2);
      assert.deepEqual(lost, []);
    });
  }
});
