import assert from "node:assert/strict";
import { mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openBaseModel } from "../../../src/core/model";
import { fixtures } from "../../fixtures/reference";
import {
  entries,
  inTwoParts,
  tinyFolderPlan,
  writeFolder,
  writeSafetensors,
  type FolderPlan,
} from "./tiny-folder";

const WEIGHTS = "model.safetensors";
const Q = "model.layers.0.self_attn.q_proj.weight";

const shapesOf = (plan: FolderPlan) =>
  Object.entries(plan.weights[WEIGHTS]!).map(([name, { shape }]) => [name, shape] as const);

describe("folders in Hugging Face form", () => {
  let folder: string;
  before(async () => {
    folder = path.join(await mkdtemp(path.join(os.tmpdir(), "plumb-folder-")), "tiny-model");
  });
  after(() => rm(path.dirname(folder), { recursive: true }));

  const openPlan = async (change: (plan: FolderPlan) => void) => {
    const plan = tinyFolderPlan();
    change(plan);
    await writeFolder(folder, plan);
    return openBaseModel(folder);
  };

  it("become a table of what lies where", async () => {
    const model = await openPlan(
      (plan) => (plan.files["README.md"] = "---\nlanguage: en\nlicense: mit\n---\n# Tiny"),
    );
    assert.equal(model.name, "tiny-model");
    assert.equal(model.license, "mit");
    assert.equal(model.tokenizer.endOfText, 0);
    assert.deepEqual(model.table.config, {
      hiddenSize: 16,
      intermediateSize: 24,
      layerCount: 1,
      headCount: 4,
      kvHeadCount: 2,
      headSize: 4,
      vocabularySize: 8,
      normEpsilon: 1e-5,
      ropeTheta: 5000,
      contextLength: 64,
      tiedHead: false,
    });
    const [embedding, norm, head] = model.table.tensors;
    assert.deepEqual(
      [embedding!.name, norm!.name, head!.name],
      ["model.embed_tokens.weight", "model.norm.weight", "lm_head.weight"],
    );
    assert.deepEqual([norm!.offset - embedding!.offset, head!.offset - norm!.offset], [256, 32]);
    assert.ok(
      model.table.tensors.every(
        ({ type, rows, file }) => type === "bf16" && rows === undefined && file === 0,
      ),
    );
  });

  it("may keep their weights in parts, with the same fingerprint", async () => {
    const one = await openPlan(() => undefined);
    const two = await openPlan(inTwoParts);
    assert.equal(two.table.files.length, 2);
    assert.deepEqual(
      two.table.tensors.map(({ name, type, shape }) => ({ name, type, shape })),
      one.table.tensors.map(({ name, type, shape }) => ({ name, type, shape })),
    );
    assert.equal(two.fingerprint, one.fingerprint);
  });

  it("may share the head with the embedding, and carry it all the same", async () => {
    const carried = await openPlan((plan) => (plan.config.tie_word_embeddings = true));
    const shared = await openPlan((plan) => {
      plan.config.tie_word_embeddings = true;
      plan.weights[WEIGHTS] = entries(shapesOf(plan).filter(([name]) => name !== "lm_head.weight"));
    });
    for (const { table } of [carried, shared]) {
      assert.equal(table.config.tiedHead, true);
      assert.ok(table.tensors.every(({ name }) => name !== "lm_head.weight"));
    }
    assert.equal(carried.fingerprint, shared.fingerprint);
  });

  it("may leave out what older versions of transformers leave out", async () => {
    const { table } = await openPlan((plan) => {
      const absent = ["num_key_value_heads", "rms_norm_eps", "rope_theta", "max_position_embeddings"];
      plan.config = Object.fromEntries(
        Object.entries(plan.config).filter(([name]) => !absent.includes(name)),
      );
      const shapes = shapesOf(plan).map(
        ([name, shape]) => [name, /[kv]_proj/.test(name) ? [16, 16] : shape] as const,
      );
      plan.weights[WEIGHTS] = entries([...shapes, ["model.layers.0.self_attn.rotary_emb.inv_freq", [2]]]);
    });
    const { kvHeadCount, normEpsilon, ropeTheta, contextLength } = table.config;
    assert.deepEqual([kvHeadCount, normEpsilon, ropeTheta, contextLength], [4, 1e-6, 10_000, 2048]);
    assert.equal(table.tensors.length, 12);
  });

  it("written by transformers are opened, in its older and its newer spelling", async () => {
    const newer = await openBaseModel(path.join(fixtures, "tiny"));
    assert.deepEqual([newer.table.config.ropeTheta, newer.table.config.headSize], [10_000, 10]);
    assert.deepEqual([newer.tokenizer.bos, newer.table.tensors[0]!.type], [null, "f32"]);
    const older = await openBaseModel(path.join(fixtures, "tiny-tied"));
    assert.deepEqual([older.table.config.ropeTheta, older.table.config.headSize], [500_000, 16]);
    assert.deepEqual([older.tokenizer.bos, older.table.tensors[0]!.type], [3, "bf16"]);
  });

  // As transformers 5.24 reads them.
  it("may say in two places how positions are turned: the older counts where it says anything", async () => {
    const newer = { rope_type: "default", rope_theta: 5000 };
    const read = async (config: Record<string, unknown>) => {
      const { table } = await openPlan((plan) => {
        delete plan.config.rope_theta;
        Object.assign(plan.config, config);
      });
      return [table.config.ropeTheta, table.config.ropeFactors];
    };
    const linear = { type: "linear", factor: 4 };
    assert.deepEqual(await read({ rope_parameters: newer }), [5000, undefined]);
    assert.deepEqual(await read({ rope_parameters: newer, rope_scaling: null }), [5000, undefined]);
    assert.deepEqual(await read({ rope_parameters: newer, rope_scaling: {} }), [5000, undefined]);
    assert.deepEqual(await read({ rope_parameters: newer, rope_scaling: linear }), [10_000, [4, 4]]);
    assert.deepEqual(await read({ rope_parameters: newer, rope_scaling: linear, rope_theta: 7 }), [
      7,
      [4, 4],
    ]);
  });

  describe("are refused with file, tensor or field, and what was found", () => {
    const entry = (plan: FolderPlan, name = Q) => plan.weights[WEIGHTS]![name]!;
    const raw =
      (header: unknown, bytes = 0) =>
      (plan: FolderPlan) =>
        (plan.files[WEIGHTS] = writeSafetensors(header, bytes));
    const index = (map: unknown) => (plan: FolderPlan) => {
      inTwoParts(plan);
      plan.files["model.safetensors.index.json"] = JSON.stringify({ weight_map: map });
    };
    const cases: [string, (plan: FolderPlan) => void, RegExp][] = [
      [
        "a config that is no JSON",
        (plan) => (plan.files["config.json"] = "{"),
        /config\.json: it is no JSON/,
      ],
      [
        "a config that is a list",
        (plan) => (plan.files["config.json"] = "[]"),
        /config\.json: it holds no JSON object/,
      ],
      [
        "an endless config",
        (plan) => (plan.files["config.json"] = Buffer.alloc(2 ** 21, 0x20)),
        /config\.json: it has 2097152 bytes, more than/,
      ],
      [
        "a config without a family",
        (plan) => delete plan.config.model_type,
        /config\.json: "model_type" is missing/,
      ],
      [
        "another family",
        (plan) => (plan.config.model_type = "gpt_bigcode"),
        /family "gpt_bigcode" are not supported yet; supported are llama/,
      ],
      [
        "a missing number",
        (plan) => delete plan.config.hidden_size,
        /config\.json: "hidden_size" is missing/,
      ],
      [
        "a number that is none",
        (plan) => (plan.config.vocab_size = "8"),
        /config\.json: "vocab_size" is "8", expected a number/,
      ],
      [
        "a fraction",
        (plan) => (plan.config.num_hidden_layers = 1.5),
        /the config's number of layers is 1\.5, expected a whole number/,
      ],
      [
        "an absurd number",
        (plan) => (plan.config.hidden_size = 1e12),
        /the config's hidden size is 1000000000000, expected a whole number from 1 to/,
      ],
      [
        "heads that do not share keys evenly",
        (plan) => (plan.config.num_key_value_heads = 3),
        /4 heads, no multiple of its 3 key and value heads/,
      ],
      ["an odd head size", (plan) => (plan.config.head_dim = 5), /the config's head size 5 is odd/],
      [
        "another activation",
        (plan) => (plan.config.hidden_act = "gelu"),
        /the activation is "gelu" \("hidden_act"\), which is not supported yet/,
      ],
      [
        "biases",
        (plan) => (plan.config.attention_bias = true),
        /"attention_bias"\), which is not supported yet/,
      ],
      [
        "scaled positions",
        (plan) => (plan.config.rope_scaling = { rope_type: "longrope" }),
        /scales its positions \("longrope"\)/,
      ],
      [
        "scaled positions without their numbers",
        (plan) => (plan.config.rope_scaling = { rope_type: "llama3", factor: 8 }),
        /"low_freq_factor" is missing/,
      ],
      [
        "scaled positions by no number that makes sense",
        (plan) => (plan.config.rope_scaling = { type: "linear", factor: -2 }),
        /the scaling of positions has 2 factors \(-2, -2, \.\.\.\), expected 2 positive numbers/,
      ],
      [
        "positions that turn a part of each head alone",
        (plan) => (plan.config.partial_rotary_factor = 0.5),
        /"partial_rotary_factor"/,
      ],
      [
        "an index that names no files",
        (plan) => {
          plan.weights = {};
          plan.files["model.safetensors.index.json"] = '{"weight_map":{}}';
        },
        /model\.safetensors\.index\.json: "weight_map" names no files of weights/,
      ],
      [
        "an end token of another tokenizer",
        (plan) => (plan.tokenizerConfig.eos_token = "</s>"),
        /tokenizer_config\.json: "eos_token" "<\/s>" is no token of tokenizer\.json beside it\. The two belong/,
      ],
      ["a sliding window", (plan) => (plan.config.sliding_window = 4096), /sliding window of attention/],
      [
        "a quantised checkpoint",
        (plan) => (plan.config.quantization_config = { quant_method: "gptq" }),
        /weights are quantised/,
      ],
      ["no weights", (plan) => (plan.weights = {}), /this folder has no model\.safetensors/],
      [
        "pickled weights",
        (plan) => {
          plan.weights = {};
          plan.files["pytorch_model.bin"] = "PK";
        },
        /pytorch_model\.bin: it has no end-of-archive record/,
      ],
      [
        "a config of numbers that cannot be",
        (plan) => (plan.config.num_attention_heads = 0),
        /config\.json: the config's number of heads is 0, expected a whole number/,
      ],
      [
        "no tokenizer",
        (plan) => {
          plan.files["tokenizer.json"] = "{}";
        },
        /tokenizer\.json: "model" is missing/,
      ],
      [
        "a tokenizer with more tokens than rows",
        (plan) =>
          (plan.tokenizer.added_tokens = [
            { id: 0, content: "<|end|>", special: true },
            { id: 8, content: "<x>", special: true },
          ]),
        /tokenizer\.json: token "<x>" has the id 8, but the model knows 8 tokens\. The tokenizer belongs to another model/,
      ],
      [
        "a tokenizer with far fewer tokens",
        (plan) => (plan.tokenizer.model = { type: "BPE", vocab: { "<|end|>": 0, a: 1 }, merges: [] }),
        /the tokenizer has 2 tokens, the model 8/,
      ],
      [
        "two tokens with one id",
        (plan) => (plan.tokenizer.added_tokens = [{ id: 1, content: "<x>" }]),
        /the tokens "a" and "<x>" have the same id 1/,
      ],
      [
        "a negative id",
        (plan) => (plan.tokenizer.added_tokens = [{ id: -1, content: "<x>" }]),
        /token "<x>" has the id -1/,
      ],
      [
        "a header longer than the file",
        (plan) => (plan.files[WEIGHTS] = Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7b])),
        /the header's length is 18446744073709551615, more than the file of \d+ bytes can hold/,
      ],
      [
        "a file of 7 bytes",
        (plan) => (plan.files[WEIGHTS] = Buffer.alloc(7)),
        /the header's length needs 8 bytes at byte 0, the file ends at byte 7/,
      ],
      ["a header that is no JSON", raw("{nope"), /model\.safetensors: the header is no JSON/],
      ["a header that is no object", raw("[1]"), /the header is no JSON object/],
      ["a tensor that is not described", raw({ x: 1 }), /tensor "x" is not described by a JSON object/],
      [
        "a type that is not known",
        (plan) => (entry(plan).dtype = "F7"),
        /q_proj\.weight" has the element type "F7", which is not known/,
      ],
      [
        "a type that is not supported yet",
        (plan) => {
          entry(plan).dtype = "I16";
        },
        /q_proj\.weight" has the element type I16, which is not supported yet; supported are F32, F16, BF16/,
      ],
      [
        "a shape that is none",
        (plan) => (entry(plan).shape = [-16, -16]),
        /has no list of whole numbers as its shape/,
      ],
      [
        "offsets that are none",
        (plan) => (entry(plan).data_offsets = [0] as unknown as [number, number]),
        /does not say where its bytes begin and end/,
      ],
      [
        "offsets the wrong way round",
        (plan) => entry(plan).data_offsets.reverse(),
        /is said to have -512 bytes, expected 512/,
      ],
      [
        "a size that is not its shape's",
        (plan) => (entry(plan).shape = [16, 15]),
        /of shape \[16, 15\] and type BF16 is said to have 512 bytes, expected 480/,
      ],
      [
        "a size that overflows",
        (plan) => (entry(plan).shape = [2 ** 52, 2 ** 52]),
        /is said to have 512 bytes, expected a possible size/,
      ],
      [
        "a tensor outside the file",
        (plan) => (entry(plan).data_offsets = [2 ** 40, 2 ** 40 + 512]),
        /q_proj\.weight" of shape \[16, 16\] and type BF16 takes 512 bytes from byte \d+ on, the file ends at byte \d+/,
      ],
      [
        "tensors that overlap",
        (plan) => {
          const [start, end] = entry(plan).data_offsets;
          entry(plan).data_offsets = [start - 2, end - 2];
        },
        /tensor "model\.layers\.0\.input_layernorm\.weight" and tensor "model\.layers\.0\.self_attn\.q_proj\.weight" overlap/,
      ],
      [
        "bytes that belong to no tensor",
        (plan) => (plan.surplus = 3),
        /3 bytes belong to no tensor; the file is too long, or lacks a tensor's name or has one twice/,
      ],
      [
        "a tensor named twice",
        raw(
          '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
          8,
        ),
        /tensor "x" is there twice/,
      ],
      [
        "a tensor named twice in the same words",
        raw(
          '{"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
          4,
        ),
        /tensor "x" is there twice/,
      ],
      [
        "a missing tensor",
        (plan) => {
          plan.weights[WEIGHTS] = entries([["model.norm.weight", [16]]]);
        },
        /tensor "model\.embed_tokens\.weight" is missing/,
      ],
      [
        "a shape that disagrees with the config",
        (plan) => (plan.config.intermediate_size = 32),
        /gate_proj\.weight" has the shape \[24, 16\], but the model's config asks for \[32, 16\]/,
      ],
      [
        "a vocabulary that disagrees with the config",
        (plan) => (plan.config.vocab_size = 9),
        /embed_tokens\.weight" has the shape \[8, 16\], but the model's config asks for \[9, 16\]/,
      ],
      [
        "a tensor without a place",
        (plan) =>
          (plan.weights[WEIGHTS] = entries([
            ...shapesOf(plan),
            ["model.layers.0.self_attn.q_norm.weight", [4]],
          ])),
        /q_norm\.weight" has no place in a model of the family llama/,
      ],
      ["an index without a map", index(undefined), /"weight_map" is missing or no JSON object/],
      [
        "an index that names a missing part",
        index({ [Q]: "model-9.safetensors" }),
        /it names the file "model-9\.safetensors", which is not in the folder/,
      ],
      [
        "an index that leads out of the folder",
        index({ [Q]: "../tiny-model/config.json" }),
        /it names the file "\.\.\/tiny-model\/config\.json", which is not in the folder/,
      ],
      [
        "an index that names too few parts",
        index({ [Q]: "model-00001-of-00002.safetensors" }),
        /tensor "model\.layers\.0\.self_attn\.k_proj\.weight" is missing/,
      ],
      [
        "a tensor in two parts",
        (plan) => {
          inTwoParts(plan);
          plan.weights["model-00002-of-00002.safetensors"] = {
            ...plan.weights["model-00001-of-00002.safetensors"],
          };
        },
        /tensor "model\.embed_tokens\.weight" is in .*model-00001-of-00002\.safetensors too/,
      ],
    ];
    for (const [name, change, message] of cases) {
      it(name, async () => {
        await assert.rejects(openPlan(change), (error: Error) => {
          assert.equal(error.name, "PlumbError", error.stack);
          assert.match(error.message, message);
          assert.ok(error.message.startsWith(folder), error.message);
          return true;
        });
      });
    }

    it("no tokenizer.json, and folders where files should be", async () => {
      const plan = tinyFolderPlan();
      await writeFolder(folder, plan);
      await rm(path.join(folder, "tokenizer.json"));
      await assert.rejects(openBaseModel(folder), {
        name: "PlumbError",
        message: /this folder has no tokenizer\.json and no tokenizer\.model\. Get it from/,
      });
      await mkdir(path.join(folder, "tokenizer.json"));
      await assert.rejects(openBaseModel(folder), {
        name: "PlumbError",
        message: /tokenizer\.json: this is no file/,
      });
      await rm(path.join(folder, WEIGHTS));
      await mkdir(path.join(folder, WEIGHTS));
      await assert.rejects(openBaseModel(folder), {
        name: "PlumbError",
        message: /model\.safetensors: this is no file/,
      });
    });

    it("a single file of the folder", async () => {
      await writeFolder(folder, tinyFolderPlan());
      await assert.rejects(openBaseModel(path.join(folder, WEIGHTS)), {
        name: "PlumbError",
        message: /one file of a model in Hugging Face form\. Name its folder: .*tiny-model$/,
      });
      await rename(path.join(folder, WEIGHTS), path.join(path.dirname(folder), WEIGHTS));
      await assert.rejects(openBaseModel(path.join(path.dirname(folder), WEIGHTS)), {
        name: "PlumbError",
        message: /one file of a model in Hugging Face form\. Name a GGUF file, or a folder with config\.json/,
      });
    });
  });
});
