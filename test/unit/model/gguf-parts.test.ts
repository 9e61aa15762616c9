import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openBaseModel } from "../../../src/core/model";
import { partName, setKey, tinyParts, tinyPlan, u16, writeGguf, type GgufPlan } from "./tiny-gguf";

const COUNT = 3;
const nameOf = (i: number) => partName(i, COUNT);
const parts = () => tinyParts(COUNT);

describe("GGUF files in parts", () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(os.tmpdir(), "plumb-parts-"))));
  afterEach(() => rm(folder, { recursive: true }));

  const write = async (plans: GgufPlan[]) => {
    for (const [i, plan] of plans.entries()) await writeFile(path.join(folder, nameOf(i)), writeGguf(plan));
  };

  it("are one model, whichever part is named, with the fingerprint of the whole", async () => {
    await write(parts());
    const file = path.join(folder, "tiny.gguf");
    await writeFile(file, writeGguf(tinyPlan()));
    const whole = await openBaseModel(file);
    for (let i = 0; i < COUNT; ++i) {
      const model = await openBaseModel(path.join(folder, nameOf(i)));
      assert.equal(model.fingerprint, whole.fingerprint);
      assert.equal(model.table.files.length, COUNT);
    }
  });

  const refused: [string, (plans: GgufPlan[]) => void, RegExp][] = [
    [
      "a part that is another one",
      (plans) => setKey(plans[1]!, "split.no", u16(2)),
      /tiny-00002-of-00003\.gguf: it says that it is part 3 of 3, its name says part 2 of 3/,
    ],
    [
      "another number of parts",
      (plans) => setKey(plans[2]!, "split.count", u16(4)),
      /tiny-00003-of-00003\.gguf: it says that it is part 3 of 4/,
    ],
    [
      "a tensor twice",
      (plans) => plans[2]!.tensors.push(plans[0]!.tensors[0]!),
      /tiny-00003-of-00003\.gguf: tensor "token_embd\.weight" is in .*tiny-00001-of-00003\.gguf too/,
    ],
    [
      "a tensor fewer than promised",
      (plans) => plans[1]!.tensors.pop(),
      /tiny-00001-of-00003\.gguf: it says that the parts hold \d+ tensors, they hold \d+/,
    ],
    [
      "an absurd number of parts",
      (plans) => setKey(plans[0]!, "split.count", u16(4_000_000_000)),
      /"split\.count" is 4000000000, expected a whole number from 1 to 4096/,
    ],
  ];
  for (const [name, change, message] of refused) {
    it(`are refused with what was found: ${name}`, async () => {
      const plans = parts();
      change(plans);
      await write(plans);
      await assert.rejects(openBaseModel(path.join(folder, nameOf(0))), { name: "PlumbError", message });
    });
  }

  it("are refused where a part is missing, cut short, no GGUF file, or not named as a part", async () => {
    await write(parts());
    const open = () => openBaseModel(path.join(folder, nameOf(0)));
    const second = path.join(folder, nameOf(1));
    const bytes = writeGguf(parts()[1]!);
    await writeFile(second, bytes.subarray(0, bytes.length - 1000));
    await assert.rejects(open(), {
      message: /tiny-00002-of-00003\.gguf: the offset of tensor "output_norm\.weight" is 12544, more than/,
    });
    await writeFile(second, Buffer.alloc(1000));
    await assert.rejects(open(), {
      message: /tiny-00002-of-00003\.gguf: it does not begin with the letters/,
    });
    await rm(second);
    await assert.rejects(open(), {
      message: /the part tiny-00002-of-00003\.gguf of the model is not beside/,
    });
    await writeFile(path.join(folder, "x.gguf"), writeGguf(parts()[0]!));
    await assert.rejects(openBaseModel(path.join(folder, "x.gguf")), { message: /is not named as such/ });
  });
});
