import assert from "node:assert/strict";

/** Every element that is opened is closed in its turn. */
export function assertBalanced(page: string): void {
  const body = page.replace(/<(style|script)>.*?<\/\1>/gsu, "").replace("<!doctype html>", "");
  const open: string[] = [];
  for (const [tag, close, name, rest] of body.matchAll(
    /<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^<>"]|"[^"]*")*)>/gu,
  )) {
    if (rest!.endsWith("/") || ["meta", "br"].includes(name!)) continue;
    if (close === "") open.push(name!);
    else assert.equal(open.pop(), name, `at ${tag}`);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(body.replace(/<(\/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^<>"]|"[^"]*")*)>/gu, ""), /[<>]/u);
}
