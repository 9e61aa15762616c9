import { damaged, shown, unsupported } from "./problem";
import { say } from "../say";

/** A global that a pickle names, before anything is done with it: nothing ever is. */
export class Global {
  constructor(readonly name: string) {}
}
/** What stands for an object outside the pickle. */
export class PersistentId {
  constructor(readonly value: unknown) {}
}
/** A call that the pickle asks for. It is written down and not made. */
export class Call {
  constructor(
    readonly global: string,
    readonly args: readonly unknown[],
  ) {}
}

const MARK = Symbol("mark");
const MOST_VALUES = 1 << 22;

/**
 * Reads a pickle of protocol 2 to 5 without executing anything: calls become `Call`, and no global but those allowed may
 * even be named.
 * @throws PlumbError naming the global or the instruction that is refused.
 */
export function readPickle(bytes: Buffer, allowed: ReadonlySet<string>, file: string): unknown {
  const stack: unknown[] = [];
  const memo = new Map<number, unknown>();
  let at = 0;
  const broken = (what: string) => damaged(file, say`the pickle ${what} at byte ${at}`);
  const take = (count: number): Buffer => {
    if (count > bytes.length - at) throw broken(say`is cut short`);
    at += count;
    return bytes.subarray(at - count, at);
  };
  const line = (): string => {
    const end = bytes.indexOf(10, at);
    if (end < 0) throw broken(say`is cut short`);
    const text = take(end - at).toString("utf8");
    take(1);
    return text;
  };
  const pop = (): unknown => {
    if (stack.length === 0 || stack.at(-1) === MARK) throw broken(say`takes a value where none is`);
    return stack.pop();
  };
  const toMark = (): unknown[] => {
    const mark = stack.lastIndexOf(MARK);
    if (mark < 0) throw broken(say`has no mark`);
    return stack.splice(mark).slice(1);
  };
  const setItems = (items: readonly unknown[]) => {
    const target = stack.at(-1);
    if (items.length % 2 !== 0) throw broken(say`has a key without a value`);
    // An OrderedDict is a call that makes an empty one; what is set in it belongs to it.
    const map = target instanceof Call ? orderedDict(target) : target;
    if (!(map instanceof Map)) throw broken(say`sets items of what is no dictionary`);
    for (let i = 0; i < items.length; i += 2) {
      if (map.has(items[i])) throw damaged(file, say`the pickle has the key ${shown(items[i])} twice`);
      map.set(items[i], items[i + 1]);
    }
  };
  const append = (items: readonly unknown[]) => {
    const target = stack.at(-1);
    if (!Array.isArray(target)) throw broken(say`appends to what is no list`);
    for (const item of items) target.push(item);
  };
  const named = (module: string, name: string) => {
    const full = `${module}.${name}`;
    if (!allowed.has(full)) {
      throw unsupported(
        file,
        say`the pickle asks for ${shown(full)}, which no tensor needs; it was not run. Do not use the file unless you know where it comes from; save the model as safetensors.`,
      );
    }
    return new Global(full);
  };
  const recall = (index: number) => {
    if (!memo.has(index)) throw broken(say`recalls number ${index}, which was never kept`);
    stack.push(memo.get(index));
  };
  const keep = (index: number) => memo.set(index, stack.at(-1));
  for (let steps = 0; steps < MOST_VALUES; ++steps) {
    const code = take(1).toString("latin1");
    switch (code) {
      case "\x80":
        if (take(1)[0]! > 5) throw broken(say`is of a newer protocol than 5`);
        break;
      case "\x95":
        take(8);
        break;
      case ".":
        return pop();
      case "(":
        stack.push(MARK);
        break;
      case "}":
        stack.push(new Map());
        break;
      case "]":
        stack.push([]);
        break;
      case ")":
        stack.push([]);
        break;
      case "N":
        stack.push(null);
        break;
      case "\x88":
        stack.push(true);
        break;
      case "\x89":
        stack.push(false);
        break;
      case "K":
        stack.push(take(1)[0]);
        break;
      case "M":
        stack.push(take(2).readUInt16LE());
        break;
      case "J":
        stack.push(take(4).readInt32LE());
        break;
      case "G":
        stack.push(take(8).readDoubleBE());
        break;
      case "\x8a": {
        const long = take(take(1)[0]!);
        if (long.length > 8) throw broken(say`has a number of more than 64 bits`);
        stack.push(long.length === 0 ? 0 : long.length > 6 ? bigLong(long) : long.readIntLE(0, long.length));
        break;
      }
      case "X":
        stack.push(take(take(4).readUInt32LE()).toString("utf8"));
        break;
      case "\x8c":
        stack.push(take(take(1)[0]!).toString("utf8"));
        break;
      case "t":
      case "l":
        stack.push(toMark());
        break;
      case "\x85":
        stack.push([pop()]);
        break;
      case "\x86":
      case "\x87": {
        const items = [pop(), pop()];
        if (code === "\x87") items.push(pop());
        stack.push(items.reverse());
        break;
      }
      case "q":
        keep(take(1)[0]!);
        break;
      case "r":
        keep(take(4).readUInt32LE());
        break;
      case "\x94":
        keep(memo.size);
        break;
      case "h":
        recall(take(1)[0]!);
        break;
      case "j":
        recall(take(4).readUInt32LE());
        break;
      case "c":
        stack.push(named(line(), line()));
        break;
      case "\x93": {
        const [name, module] = [pop(), pop()];
        stack.push(named(String(module), String(name)));
        break;
      }
      case "R": {
        const [args, callee] = [pop(), pop()];
        if (!(callee instanceof Global) || !Array.isArray(args)) throw broken(say`calls what is no global`);
        stack.push(new Call(callee.name, args));
        break;
      }
      case "Q":
        stack.push(new PersistentId(pop()));
        break;
      case "s": {
        const [value, key] = [pop(), pop()];
        setItems([key, value]);
        break;
      }
      case "u":
        setItems(toMark());
        break;
      case "a":
        append([pop()]);
        break;
      case "e":
        append(toMark());
        break;
      case "b":
        // The state of an OrderedDict (its _metadata): nothing that tensors need.
        pop();
        break;
      default:
        throw unsupported(
          file,
          say`the pickle has the instruction 0x${Buffer.from(code, "latin1").toString("hex")} at byte ${at - 1}, which no tensor needs. Save the model as safetensors.`,
        );
    }
  }
  throw broken(say`has more than ${MOST_VALUES} instructions`);
}

function bigLong(bytes: Buffer): number {
  const wide = Buffer.alloc(8, bytes.at(-1)! >= 0x80 ? 255 : 0);
  bytes.copy(wide);
  return Number(wide.readBigInt64LE());
}

const DICTS = new WeakMap<Call, Map<unknown, unknown>>();

/** Items of what the pickle calls an OrderedDict, or null where the call is another one. */
export function orderedDict(call: Call): Map<unknown, unknown> | null {
  if (call.global !== "collections.OrderedDict" || call.args.length > 0) return null;
  let items = DICTS.get(call);
  if (items === undefined) DICTS.set(call, (items = new Map()));
  return items;
}
