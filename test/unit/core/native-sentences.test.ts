import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fromEngine } from "../../../src/core/native-sentences";
import { speak } from "../../../src/core/say";
import { nativeSentences } from "../../native-sentences";

const texts = JSON.parse(
  readFileSync(path.resolve(__dirname, "../../../l10n/bundle.l10n.ru.json"), "utf8"),
) as Record<string, string>;

describe("what the native engine says", () => {
  beforeEach(() => speak({ language: "ru", texts }));
  afterEach(() => speak(null));

  it("stays English where English is spoken", () => {
    speak(null);
    assert.equal(fromEngine("tensor x is there twice"), "tensor x is there twice");
  });

  it("is said in the language of the process, whatever stands in its places", () => {
    for (const { text, place } of nativeSentences()) {
      const values = ["model.layers.3: a. b", "/data/c.gguf", "42", "x", "0.5"];
      const english = text.replace(/\{(\d+)\}/gu, (_, at: string) => values[Number(at)]!);
      const said = fromEngine(english);
      assert.match(said, /[а-яё]{2}/iu, `${place}: ${text}`);
      for (const [, at] of text.matchAll(/\{(\d+)\}/gu))
        assert.ok(said.includes(values[Number(at)]!), `${place}: ${said}`);
      assert.equal(
        english.startsWith("GPU:"),
        said.startsWith("GPU:"),
        `${place}: it tells where it happened`,
      );
    }
  });

  const cases: readonly [string, string][] = [
    [
      "tensor a.b has 21 rows, no multiple of the head size",
      "в тензоре a.b 21 строка, и это не кратно размеру головы",
    ],
    ["GPU: cuda:1: reserving memory: out of memory", "GPU: cuda:1: выделение памяти: out of memory"],
    ["/m: x/a.gguf: cannot be opened: Permission denied", "/m: x/a.gguf: не открывается: нет прав доступа"],
    [
      "the library for NVIDIA GPUs cannot be opened: libcudart.so.13: cannot open shared object file",
      "библиотека для видеокарт NVIDIA не открывается: libcudart.so.13: cannot open shared object file",
    ],
    [
      "NCCL (libnccl.so.2) was not found. It is what several GPUs add up their gradients with. To have it: pip install nvidia-nccl-cu13, and PLUMB_NCCL=FILE where it is not found",
      "NCCL (libnccl.so.2) не найдена. С её помощью несколько видеокарт складывают градиенты. Получить её: pip install nvidia-nccl-cu13, и PLUMB_NCCL=ФАЙЛ, если она не находится",
    ],
    ["what nobody has translated", "what nobody has translated"],
  ];
  for (const [english, russian] of cases) it(english, () => assert.equal(fromEngine(english), russian));
});
