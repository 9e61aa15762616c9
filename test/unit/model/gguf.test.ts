import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openBaseModel } from "../../../src/core/model";
import { fixtures } from "../../fixtures/reference";
import { needDefaultModel } from "../../recorded-tokens";
import {
  f32,
  flag,
  numbers,
  setKey,
  tensorOf,
  text,
  texts,
  tinyPlan,
  TOKENS,
  u32,
  writeGguf,
  type GgufPlan,
} from "./tiny-gguf";

describe("GGUF files", () => {
  let folder: string;
  let file: string;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), "plumb-gguf-"));
    file = path.join(folder, "Tiny-Model.Q4_1.gguf");
  });
  after(() => rm(folder, { recursive: true }));

  const openBytes = async (bytes: Uint8Array) => {
    await writeFile(file, bytes);
    return openBaseModel(file);
  };
  const openPlan = (change: (plan: GgufPlan) => void) => {
    const plan = tinyPlan();
    change(plan);
    return openBytes(writeGguf(plan));
  };

  it("become a table under Hugging Face names, with q and k rows marked as interleaved", async () => {
    const model = await openPlan(() => undefined);
    assert.equal(model.name, "Tiny-Model Q4_1");
    assert.equal(model.license, "mit");
    assert.deepEqual(model.table.files, [file]);
    assert.deepEqual(model.table.config, {
      hiddenSize: 64,
      intermediateSize: 96,
      layerCount: 2,
      headCount: 4,
      kvHeadCount: 2,
      headSize: 16,
      vocabularySize: 8,
      normEpsilon: 0.5 ** 16,
      ropeTheta: 50_000,
      contextLength: 128,
      tiedHead: true,
    });
    assert.deepEqual(
      model.table.tensors.slice(0, 8).map(({ name, type, shape, rows }) => [name, type, shape, rows]),
      [
        ["model.embed_tokens.weight", "q8_0", [8, 64], undefined],
        ["model.norm.weight", "f32", [64], undefined],
        ["model.layers.0.input_layernorm.weight", "f32", [64], undefined],
        ["model.layers.0.self_attn.q_proj.weight", "q4_1", [64, 64], "interleaved"],
        ["model.layers.0.self_attn.k_proj.weight", "q4_0", [32, 64], "interleaved"],
        ["model.layers.0.self_attn.v_proj.weight", "q8_0", [32, 64], undefined],
        ["model.layers.0.self_attn.o_proj.weight", "bf16", [64, 64], undefined],
        ["model.layers.0.post_attention_layernorm.weight", "f32", [64], undefined],
      ],
    );
    assert.equal(model.table.tensors.length, 20);
    assert.equal(model.parameterCount, 8 * 64 + 64 + 2 * (128 + 64 * 64 * 2 + 32 * 64 * 2 + 3 * 96 * 64));
  });

  it("may have a head of their own", async () => {
    const model = await openPlan((plan) =>
      plan.tensors.push({ name: "output.weight", shape: [8, 64], type: 8 }),
    );
    assert.equal(model.table.config.tiedHead, false);
    assert.ok(model.table.tensors.some(({ name }) => name === "lm_head.weight"));
  });

  it("written by the gguf package hold the tensors that transformers wrote as safetensors", async () => {
    const ours = await openBaseModel(path.join(fixtures, "tiny.gguf"));
    const theirs = await openBaseModel(path.join(fixtures, "tiny"));
    const shapes = ({ table }: typeof ours) =>
      Object.fromEntries(table.tensors.map(({ name, shape }) => [name, shape]));
    assert.deepEqual(shapes(ours), shapes(theirs));
    assert.deepEqual({ ...ours.table.config, normEpsilon: 0 }, { ...theirs.table.config, normEpsilon: 0 });
    assert.ok(Math.abs(ours.table.config.normEpsilon - 1e-5) < 1e-12);
    assert.equal(ours.parameterCount, theirs.parameterCount);
    for (const sample of ["Answer: yes", "it's 14 days, 3.5 metres", "Жители <|im_end|>"]) {
      assert.deepEqual(ours.tokenizer.encode(sample), theirs.tokenizer.encode(sample));
    }
  });

  it("of the default model are opened as what they are", async function () {
    const model = await openBaseModel(await needDefaultModel(this));
    assert.equal(model.name, "SmolLM2-135M-Instruct Q4_1");
    assert.equal(model.license, "apache-2.0");
    assert.equal(model.parameterCount, 134_515_008);
    assert.equal(model.table.tensors.length, 272);
    assert.equal(model.table.tensors[0]!.offset, 1_785_664);
  });

  describe("have a fingerprint", () => {
    const fingerprint = async (change: (plan: GgufPlan) => void, bytes = (written: Buffer) => written) => {
      const plan = tinyPlan();
      change(plan);
      return (await openBytes(bytes(writeGguf(plan)))).fingerprint;
    };
    let original: string;
    before(async () => {
      original = await fingerprint(() => undefined);
    });

    it("of 64 hexadecimal digits, the same for the same model", async () => {
      assert.match(original, /^[0-9a-f]{64}$/);
      assert.equal(await fingerprint(() => undefined), original);
    });
    it("that does not mind where tensors lie and what else the file says", async () => {
      assert.equal(
        await fingerprint((plan) => {
          setKey(plan, "general.description", text("a copy"));
          plan.tensors.reverse();
        }),
        original,
      );
    });
    const changes: [string, (plan: GgufPlan) => void, ((written: Buffer) => Buffer)?][] = [
      ["a config", (plan) => setKey(plan, "llama.rope.freq_base", f32(10_000))],
      ["a type", (plan) => (tensorOf(plan, "blk.1.ffn_up.weight").type = 30)],
      ["a token", (plan) => setKey(plan, "tokenizer.ggml.tokens", texts([...TOKENS.slice(0, 7), "?"]))],
      [
        "a weight",
        () => undefined,
        (written) => {
          written[written.length - 1]! ^= 1;
          return written;
        },
      ],
    ];
    it("that changes with the last byte of a tensor of several blocks", async () => {
      const plan = tinyPlan();
      const bytes = writeGguf(plan);
      const { table } = await openBytes(bytes);
      const { offset, type, shape } = table.tensors.find(({ name }) =>
        name.endsWith("1.self_attn.o_proj.weight"),
      )!;
      assert.deepEqual([type, shape], ["bf16", [64, 64]]);
      bytes[offset + 64 * 64 * 2 - 1]! ^= 1;
      assert.notEqual((await openBytes(bytes)).fingerprint, original);
    });
    for (const [name, change, bytes] of changes) {
      it(`that changes with ${name}`, async () => {
        assert.notEqual(await fingerprint(change, bytes), original);
      });
    }
  });

  describe("are refused with file, tensor or field, and what was found", () => {
    const Q = "blk.0.attn_q.weight";
    const plans: [string, (plan: GgufPlan) => void, RegExp][] = [
      [
        "an unknown version",
        (plan) => (plan.version = 1),
        /GGUF version 1 is not supported; supported are 2 and 3/,
      ],
      [
        "the other byte order",
        (plan) => (plan.version = 0x03000000),
        /big-endian machines, which is not supported/,
      ],
      [
        "an absurd number of tensors",
        (plan) => (plan.tensorCount = 1n << 40n),
        /the number of tensors is 1099511627776, more than the file of \d+ bytes can hold/,
      ],
      [
        "a number of tensors beyond 64-bit sums",
        (plan) => (plan.tensorCount = (1n << 64n) - 1n),
        /the number of tensors is 18446744073709551615/,
      ],
      [
        "an absurd number of keys",
        (plan) => (plan.keyCount = 1n << 62n),
        /the number of metadata keys is 4611686018427387904/,
      ],
      [
        "an absurd length of an array",
        (plan) => plan.metadata.push(["x", { type: 9, element: 8, values: [], length: 1n << 60n }]),
        /the length of metadata "x" is 1152921504606846976, more than the file of \d+ bytes can hold/,
      ],
      [
        "an unknown type of value",
        (plan) => plan.metadata.push(["x", { type: 99 }]),
        /metadata "x" has the type 99, which GGUF does not know/,
      ],
      [
        "a key twice",
        (plan) => plan.metadata.push(["llama.block_count", u32(2)]),
        /metadata "llama\.block_count" is there twice/,
      ],
      [
        "a text that is none",
        (plan) => setKey(plan, "general.license", text(Buffer.from([0xff, 0xfe]))),
        /metadata "general\.license" is no UTF-8 text/,
      ],
      [
        "a missing key",
        (plan) => setKey(plan, "llama.context_length", null),
        /metadata "llama\.context_length" is missing/,
      ],
      [
        "a key of another type",
        (plan) => setKey(plan, "llama.block_count", text("two")),
        /metadata "llama\.block_count" is "two", expected a number/,
      ],
      [
        "heads that differ between layers",
        (plan) => setKey(plan, "llama.attention.head_count_kv", numbers([2, 1])),
        /head_count_kv" is a list of 2, expected a number/,
      ],
      [
        "another family",
        (plan) => setKey(plan, "general.architecture", text("mamba")),
        /family "mamba" are not supported yet; supported are llama \(LLaMA 1 to 3\.2, SmolLM2/,
      ],
      [
        "an adapter in place of a model",
        (plan) => setKey(plan, "general.type", text("adapter")),
        /holds "adapter", not a model/,
      ],
      [
        "one part of several",
        (plan) => setKey(plan, "split.count", u32(3)),
        /one of 3 parts of a model, but is not named as such/,
      ],
      [
        "a mixture of experts",
        (plan) => setKey(plan, "llama.expert_count", u32(8)),
        /mixture of experts, which is not supported yet/,
      ],
      [
        "scaled positions",
        (plan) => setKey(plan, "llama.rope.scaling.type", text("yarn")),
        /scales its positions \("yarn"\), which is not supported yet/,
      ],
      [
        "scaled positions without a factor",
        (plan) => setKey(plan, "llama.rope.scaling.type", text("linear")),
        /metadata "llama\.rope\.scaling\.factor" is missing/,
      ],
      [
        "partly rotated heads",
        (plan) => setKey(plan, "llama.rope.dimension_count", u32(8)),
        /llama\.rope\.dimension_count is 8, other than the head size 16/,
      ],
      [
        "no heads",
        (plan) => setKey(plan, "llama.attention.head_count", u32(0)),
        /the config's number of heads is 0, expected a whole number from 1/,
      ],
      [
        "a fraction of a head size",
        (plan) => setKey(plan, "llama.attention.head_count", u32(5)),
        /the config's head size is 12\.8, expected a whole number/,
      ],
      [
        "a billion layers",
        (plan) => setKey(plan, "llama.block_count", u32(1e9)),
        /number of layers is 1000000000, expected a whole number from 1 to 1024/,
      ],
      [
        "a norm epsilon that is none",
        (plan) => setKey(plan, "llama.attention.layer_norm_rms_epsilon", f32(NaN)),
        /norm epsilon is NaN/,
      ],
      [
        "an alignment that is none",
        (plan) => setKey(plan, "general.alignment", u32(0)),
        /"general\.alignment" is 0, expected a multiple of 8/,
      ],
      [
        "a missing tensor",
        (plan) => (plan.tensors = plan.tensors.filter(({ name }) => name !== Q)),
        /tensor "blk\.0\.attn_q\.weight" is missing/,
      ],
      [
        "a number of heads that does not divide the hidden size",
        (plan) => {
          setKey(plan, "llama.rope.dimension_count", u32(16));
          setKey(plan, "llama.attention.head_count", u32(7));
        },
        /the config's head size is 9\.14\d*, expected a whole number/,
      ],
      [
        "a head that the header does not name, in a model that would then use its embedding as such",
        (plan) => {
          plan.tensors.push({ name: "output.weight", shape: [8, 64], type: 8 });
          plan.tensorCount = BigInt(plan.tensors.length - 1);
        },
        /\d+ bytes belong to no tensor/,
      ],
      [
        "a doubled tensor",
        (plan) => plan.tensors.push({ ...tensorOf(plan, Q) }),
        /tensor "blk\.0\.attn_q\.weight" is there twice/,
      ],
      [
        "a tensor without a place",
        (plan) => plan.tensors.push({ name: "blk.0.attn_q.bias", shape: [64], type: 0 }),
        /tensor "blk\.0\.attn_q\.bias" has no place in a model of the family llama/,
      ],
      [
        "a shape that disagrees with the config",
        (plan) => (tensorOf(plan, Q).shape = [32, 64]),
        /tensor "blk\.0\.attn_q\.weight" has the shape \[32, 64\], but the model's config asks for \[64, 64\]/,
      ],
      [
        "a shape that is turned",
        (plan) => (tensorOf(plan, "blk.0.ffn_down.weight").shape = [96, 64]),
        /has the shape \[96, 64\], but the model's config asks for \[64, 96\]/,
      ],
      [
        "a size that overflows",
        (plan) => (tensorOf(plan, Q).shape = [1n << 40n, 1n << 40n]),
        /tensor "blk\.0\.attn_q\.weight" of shape \[1099511627776, 1099511627776\] and type Q4_1 has no possible size/,
      ],
      [
        "a size that overflows 64 bits to 0",
        (plan) => (tensorOf(plan, Q).shape = [1n << 33n, 1n << 33n]),
        /has no possible size/,
      ],
      [
        "an extent past whole numbers",
        (plan) => (tensorOf(plan, Q).shape = [1n << 60n, 64]),
        /an extent of tensor "blk\.0\.attn_q\.weight" is 1152921504606846976/,
      ],
      ["an extent of 0", (plan) => (tensorOf(plan, Q).shape = [0, 64]), /has no possible size/],
      [
        "rows that are no whole blocks",
        (plan) => (tensorOf(plan, Q).shape = [64, 48]),
        /of shape \[64, 48\] and type Q4_1 has no possible size/,
      ],
      [
        "too many dimensions",
        (plan) => (tensorOf(plan, Q).shape = [1, 1, 1, 1, 64]),
        /has 5 dimensions, expected 1 to 4/,
      ],
      [
        "an offset outside the file",
        (plan) => (tensorOf(plan, Q).offset = 1n << 50n),
        /the offset of tensor "blk\.0\.attn_q\.weight" is 1125899906842624, more than the file of \d+ bytes can hold/,
      ],
      [
        "a tensor that ends outside the file",
        (plan) => (tensorOf(plan, Q).offset = 69_920n),
        /tensor "blk\.0\.attn_q\.weight" of shape \[64, 64\] and type Q4_1 takes 2560 bytes from byte \d+ on, the file ends at byte \d+/,
      ],
      [
        "an offset between the alignments",
        (plan) => (tensorOf(plan, Q).offset = 33n),
        /the offset 33 of tensor "blk\.0\.attn_q\.weight" is no multiple of the alignment 32/,
      ],
      [
        "tensors that overlap",
        (plan) => (tensorOf(plan, Q).offset = 32n),
        /tensor "token_embd\.weight" and tensor "blk\.0\.attn_q\.weight" overlap/,
      ],
      [
        "a type that is not supported yet",
        (plan) => {
          tensorOf(plan, "blk.0.ffn_up.weight").type = 39;
        },
        /"blk\.0\.ffn_up\.weight" has the element type MXFP4, which is not supported yet; supported are F32, F16, Q4_0, Q4_1, Q5_0, .*BF16/,
      ],
      [
        "a type that nobody knows",
        (plan) => (tensorOf(plan, Q).type = 200),
        /has the element type number 200, which is not known/,
      ],
      [
        "another kind of tokenizer",
        (plan) => setKey(plan, "tokenizer.ggml.model", text("t5")),
        /tokenizer of the kind "t5" is not supported yet; supported are BPE tokenizers by bytes/,
      ],
      [
        "another cut of texts",
        (plan) => setKey(plan, "tokenizer.ggml.pre", text("tekken")),
        /"tokenizer\.ggml\.pre" is "tekken"; supported are smollm, gpt-2, llama-bpe, qwen2\./,
      ],
      [
        "no cut of texts",
        (plan) => setKey(plan, "tokenizer.ggml.pre", null),
        /"tokenizer\.ggml\.pre" is missing/,
      ],
      [
        "a tokenizer of another model",
        (plan) => setKey(plan, "llama.vocab_size", u32(9)),
        /"token_embd\.weight" has the shape \[8, 64\], but the model's config asks for \[9, 64\]/,
      ],
      [
        "more tokens than rows",
        (plan) => {
          setKey(plan, "tokenizer.ggml.tokens", texts([...TOKENS, "x"]));
          setKey(plan, "tokenizer.ggml.token_type", numbers(Array<number>(9).fill(1)));
        },
        /token "x" has the id 8, but the model knows 8 tokens\. The tokenizer belongs to another model/,
      ],
      [
        "far fewer tokens than rows",
        (plan) => {
          setKey(plan, "tokenizer.ggml.tokens", texts(TOKENS.slice(0, 6)));
          setKey(plan, "tokenizer.ggml.token_type", numbers([3, 1, 1, 1, 1, 1]));
        },
        /the tokenizer has 6 tokens, the model 8\. The tokenizer belongs to another model/,
      ],
      [
        "types of other tokens",
        (plan) => setKey(plan, "tokenizer.ggml.token_type", numbers([1])),
        /it has 8 tokens, but the types of 1/,
      ],
      [
        "a token twice",
        (plan) => setKey(plan, "tokenizer.ggml.tokens", texts([...TOKENS.slice(0, 7), "a"])),
        /the tokens 1 and 7 are both "a"/,
      ],
      [
        "a merge of unknown tokens",
        (plan) => setKey(plan, "tokenizer.ggml.merges", texts(["a b", "a 1"])),
        /merge 1 joins "a" and "1", but "a1" is no token/,
      ],
      [
        "a merge that is none",
        (plan) => setKey(plan, "tokenizer.ggml.merges", texts(["ab"])),
        /merge 0 is "ab", expected two tokens with a space between/,
      ],
      [
        "an end token that is none",
        (plan) => setKey(plan, "tokenizer.ggml.eos_token_id", u32(8)),
        /the end token 8 is no token/,
      ],
      [
        "a first token that is missing",
        (plan) => setKey(plan, "tokenizer.ggml.add_bos_token", flag(true)),
        /"tokenizer\.ggml\.bos_token_id" is missing/,
      ],
    ];
    for (const [name, change, message] of plans) {
      it(name, async () => {
        await assert.rejects(openPlan(change), (error: Error) => {
          assert.equal(error.name, "PlumbError", error.stack);
          assert.match(error.message, message);
          assert.ok(error.message.startsWith(file), error.message);
          return true;
        });
      });
    }

    const whole = writeGguf(tinyPlan());
    const files: [string, Uint8Array, RegExp][] = [
      ["an empty file", new Uint8Array(0), /it is empty/],
      ["three bytes", Buffer.from("GGU"), /this is no GGUF file/],
      ["the letters alone", Buffer.from("GGUF"), /it has 4 bytes, fewer than the header/],
      [
        "a zip file",
        Buffer.from("PK\u0003\u0004 and so on"),
        /looks like one file of a model saved by PyTorch\. Name a GGUF file/,
      ],
      [
        "a wrong beginning",
        Buffer.concat([Buffer.from("GGML"), whole.subarray(4)]),
        /this is no GGUF file, which would begin with the letters GGUF/,
      ],
      [
        "a file cut short by a byte",
        whole.subarray(0, -1 - 32),
        /"output_norm\.weight" of shape \[64\] and type F32 takes 256 bytes from byte \d+ on, the file ends at byte \d+\. The file is damaged or was not copied whole/,
      ],
    ];
    for (const [name, bytes, message] of files) {
      it(name, async () => {
        await assert.rejects(openBytes(bytes), { name: "PlumbError", message });
      });
    }

    it("a file of full length that was never filled to its end, by its norms: zeros or no numbers", async () => {
      const bytes = writeGguf(tinyPlan());
      const norm = 64 * 4;
      for (const [value, what] of [
        [0, /tensor "model\.norm\.weight" has only zeros/],
        [0xff, /tensor "model\.norm\.weight" has values that are no finite numbers/],
      ] as const) {
        await assert.rejects(openBytes(Buffer.from(bytes).fill(value, bytes.length - norm)), what);
      }
      const half = Buffer.from(bytes).fill(0, bytes.length - norm, bytes.length - norm / 2);
      await openBytes(half);
    });

    it("a file cut short anywhere", async function () {
      this.timeout(60_000);
      for (let length = 0; length < whole.length - 32; length += length < 2000 ? 7 : 501) {
        await assert.rejects(openBytes(whole.subarray(0, length)), { name: "PlumbError" }, `${length} bytes`);
      }
    });

    it("no file, a folder without a model, and what may not be read", async () => {
      await assert.rejects(openBaseModel(path.join(folder, "none.gguf")), {
        name: "PlumbError",
        message: /none\.gguf: there is no such file or folder/,
      });
      await assert.rejects(openBaseModel(folder), {
        name: "PlumbError",
        message:
          /this folder has no config\.json, but holds Tiny-Model\.Q4_1\.gguf\. Name the file: .*\/Tiny-Model/,
      });
      await assert.rejects(openBaseModel("/dev/null"), {
        name: "PlumbError",
        message: /neither a file nor a folder/,
      });
    });
  });
});
