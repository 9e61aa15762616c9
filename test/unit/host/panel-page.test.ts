import assert from "node:assert/strict";
import { panelPage } from "../../../src/host/panel-page";

const policy = `default-src 'none'; style-src 'sha256-a'; script-src 'sha256-b'; base-uri 'none'`;
const page = (text: string) =>
  `<html><head><meta http-equiv="Content-Security-Policy" content="${policy}" /></head><body>${text}</body></html>`;
const options = {
  nonce: "0123abcd",
  script: "https://panel/report.js",
  style: "https://panel/report.css",
  source: "https://panel",
};

describe("a report's page in a panel", () => {
  it("lets in the panel's script beside the page's own, and nothing else", () => {
    const shown = panelPage(page("hello"), options);
    assert.match(
      shown,
      /content="default-src 'none'; img-src data:; style-src https:\/\/panel 'sha256-a'; script-src 'nonce-0123abcd' 'sha256-b'; base-uri 'none'"/,
    );
    assert.match(
      shown,
      /hello<script nonce="0123abcd" src="https:\/\/panel\/report\.js"><\/script><\/body><\/html>$/,
    );
    assert.equal(
      shown
        .replace("'nonce-0123abcd' ", "")
        .replace("img-src data:; style-src https://panel ", "style-src ")
        .replace('<link rel="stylesheet" href="https://panel/report.css" />', "")
        .replace(/<script nonce.*?<\/script>/, ""),
      page("hello"),
    );
  });

  it("gives no text of the page the nonce", () => {
    const shown = panelPage(page("&lt;script&gt; script-src </p>"), options);
    assert.equal(shown.split("0123abcd").length, 3);
  });

  it("refuses a page without a policy", () => {
    assert.throws(() => panelPage("<html><body></body></html>", options), /policy/);
  });
});
