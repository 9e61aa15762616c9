import assert from "node:assert/strict";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { openBaseModel } from "../../../src/core/model";
import { readPickle } from "../../../src/core/model/pickle";
import { readPytorchHeader } from "../../../src/core/model/pytorch";
import { fixtures } from "../../fixtures/reference";

const text = (value: string) => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return Buffer.concat([Buffer.from("X"), length, bytes]);
};
const raw = (value: string) => Buffer.from(value, "latin1");

/** A pickle of one tensor of [2, 3] halves called "w", in the instructions that torch.save writes. */
const tensorPickle = (columns = 3, call = "ctorch._utils\n_rebuild_tensor_v2\n") =>
  Buffer.concat([
    raw(`\x80\x02}(`),
    text("w"),
    raw(`${call}((`),
    text("storage"),
    raw("ctorch\nHalfStorage\n"),
    text("0"),
    text("cpu"),
    raw(
      `K\x06tQK\x00K\x02K${String.fromCharCode(columns)}\x86K${String.fromCharCode(columns)}K\x01\x86\x89ccollections\nOrderedDict\n)RtRu.`,
    ),
  ]);

function zip(entries: [string, Buffer][], method = 0): Buffer {
  const bodies: Buffer[] = [];
  const heads: Buffer[] = [];
  let at = 0;
  for (const [name, bytes] of entries) {
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(name.length, 26);
    const head = Buffer.alloc(46);
    head.writeUInt32LE(0x02014b50);
    head.writeUInt16LE(method, 10);
    head.writeUInt32LE(bytes.length, 20);
    head.writeUInt32LE(bytes.length, 24);
    head.writeUInt16LE(name.length, 28);
    head.writeUInt32LE(at, 42);
    bodies.push(local, raw(name), bytes);
    heads.push(head, raw(name));
    at += 30 + name.length + bytes.length;
  }
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(Buffer.concat(heads).length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...bodies, ...heads, end]);
}

/** Bytes of each tensor of a model. */
async function tensorsOf(name: string): Promise<Map<string, string>> {
  const { table } = await openBaseModel(path.join(fixtures, name));
  const files = table.files.map((file) => readFileSync(file));
  return new Map(
    table.tensors.map(({ name, type, shape, file, offset }) => {
      assert.equal(type, "bf16");
      const bytes = 2 * shape.reduce((product, extent) => product * extent, 1);
      return [name, files[file]!.subarray(offset, offset + bytes).toString("base64")];
    }),
  );
}

describe("files of torch.save", () => {
  it("hold, in two shards written by PyTorch itself, byte for byte what the safetensors hold", async () => {
    const [pickled, plain] = [await tensorsOf("tiny-pickled"), await tensorsOf("tiny-mistral")];
    assert.deepEqual([...pickled].sort(), [...plain].sort());
  });

  const folder = mkdtempSync(path.join(os.tmpdir(), "plumb-pytorch-"));
  after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, "pytorch_model.bin");
  const read = (bytes: Buffer) => {
    writeFileSync(file, bytes);
    const descriptor = openSync(file, "r");
    try {
      return readPytorchHeader(descriptor, bytes.length, file);
    } finally {
      closeSync(descriptor);
    }
  };
  const sound = (pickle = tensorPickle()): [string, Buffer][] => [
    ["m/data.pkl", pickle],
    ["m/data/0", Buffer.from("0123456789ab")],
  ];

  it("give the place of each tensor in the file", () => {
    const bytes = zip(sound());
    const [tensor, ...rest] = read(bytes);
    assert.deepEqual(rest, []);
    assert.deepEqual([tensor!.name, tensor!.shape, tensor!.layout.name], ["w", [2, 3], "F16"]);
    assert.equal(bytes.toString("latin1", tensor!.offset, tensor!.offset + 12), "0123456789ab");
  });

  it("may hold a tensor as what trains, which is the same tensor", () => {
    const pickle = tensorPickle().toString("latin1");
    const call = pickle.slice(pickle.indexOf("ctorch._utils"), pickle.lastIndexOf("u."));
    const trains = (tensor: string) =>
      `ctorch._utils\n_rebuild_parameter\n(${tensor}\x88ccollections\nOrderedDict\n)RtR`;
    const tensors = (wrapped: string) => read(zip(sound(raw(pickle.replace(call, () => wrapped)))));
    const [plain, parameter] = [tensors(call), tensors(trains(call))];
    assert.deepEqual(
      parameter.map(({ name, shape, layout }) => [name, shape, layout]),
      plain.map(({ name, shape, layout }) => [name, shape, layout]),
    );
    assert.throws(() => tensors(trains(trains(call))), { message: /"w" is no tensor/ });
  });

  const refused: [string, () => Buffer, RegExp][] = [
    [
      "the form before PyTorch 1.6",
      // As torch.save(..., _use_new_zipfile_serialization=False) begins.
      () =>
        Buffer.concat([raw("\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."), Buffer.alloc(100)]),
      /: it is in the form that PyTorch had before 1\.6, which is not supported\. Save the model anew/,
    ],
    [
      "a call that would run something",
      () => zip(sound(tensorPickle(3, "cos\nsystem\n"))),
      /asks for "os\.system"/,
    ],
    [
      "a tensor larger than its storage",
      () => zip(sound(tensorPickle(4))),
      /"w" of shape \[2, 4\] takes 16 bytes/,
    ],
    [
      "values that are missing",
      () => zip(sound().slice(0, 1)),
      /"w" is in the entry "data\/0", which is missing/,
    ],
    ["an entry twice", () => zip([...sound(), ...sound()]), /entry "m\/data\.pkl" is there twice/],
    [
      "entries that overlap",
      () => {
        // Inside the bytes of the first entry stands a whole second one, and the directory names both.
        const inner = zip(sound().slice(1)).subarray(0, 50);
        const bytes = zip([["m/data.pkl", Buffer.concat([tensorPickle(), inner])], ...sound().slice(1)]);
        const place = bytes.lastIndexOf("PK\x01\x02", undefined, "latin1") + 42;
        bytes.writeUInt32LE(bytes.indexOf(inner), place);
        return bytes;
      },
      /entry "m\/data\.pkl" and entry "m\/data\/0" overlap at byte/,
    ],
    ["compressed entries", () => zip(sound(), 8), /"m\/data\.pkl" is compressed/],
    ["an unknown instruction", () => zip(sound(raw("\x80\x02i"))), /instruction 0x69/],
    ["a pickle cut short", () => zip(sound(tensorPickle().subarray(0, 40))), /pickle is cut short/],
  ];
  for (const [name, bytes, message] of refused) {
    it(`are refused with what was found: ${name}`, () => {
      assert.throws(() => read(bytes()), { name: "PlumbError", message });
    });
  }

  it("are refused with a sentence wherever they are cut short", () => {
    const bytes = zip(sound());
    for (let end = 0; end < bytes.length; ++end) {
      assert.throws(() => read(bytes.subarray(0, end)), { name: "PlumbError" }, String(end));
    }
  });

  it("name no global but those allowed", () => {
    assert.throws(() => readPickle(raw("cbuiltins\neval\n."), new Set(), "x"), /asks for "builtins\.eval"/);
  });
});
