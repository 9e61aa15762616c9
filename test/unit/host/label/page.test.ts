import assert from "node:assert/strict";
import { LabelMessage } from "../../../../src/host/label/messages";
import { labelPage } from "../../../../src/host/label/page";

const options = {
  script: "https://panel/label.js",
  style: "https://panel/label.css",
  source: "https://panel",
  nonce: "0123abcd",
  language: "ru",
  title: 'a"<script>.jsonl',
};

describe("the label editor's page", () => {
  it("lets in its own script and style and nothing else", () => {
    const page = labelPage(options);
    assert.match(
      page,
      /content="default-src 'none'; style-src https:\/\/panel; script-src 'nonce-0123abcd'; base-uri 'none'; form-action 'none'"/,
    );
    assert.equal(page.match(/<script/g)?.length, 1);
    assert.doesNotMatch(page, /unsafe|style=/);
  });

  it("shows a file's name as text", () => {
    assert.match(labelPage(options), /<title>a&quot;&lt;script&gt;\.jsonl<\/title>/);
  });

  it("is heard only where it says what was agreed upon", () => {
    const heard = (message: unknown) => LabelMessage.safeParse(message).success;
    assert.equal(heard({ type: "answer", edit: 1, line: 3, id: "a", answer: ["x"] }), true);
    assert.equal(heard({ type: "answer", edit: 1, line: -1, id: "a", answer: "x" }), false);
    assert.equal(heard({ type: "answer", edit: 1, line: 3, id: "a", answer: "" }), false);
    assert.equal(heard({ type: "rows", lines: Array.from({ length: 2001 }, () => 0) }), false);
    assert.equal(heard({ type: "run", command: "x" }), false);
  });
});
