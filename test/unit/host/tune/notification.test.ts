import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Desk } from "../../../../src/host/tune/desk";
import type { showNotification } from "../../../../src/host/tune/notification";
import type { TuneView } from "../../../../src/protocol";
import { partIn } from "../part-in";

class TabInputCustom {
  constructor(readonly viewType: string) {}
}
class TabInputWebview {
  constructor(readonly viewType: string) {}
}
/** An event as VS Code has it, told by `events`. */
const events = new EventEmitter();
const on = (name: string) => (listen: (what: unknown) => void) => {
  events.on(name, listen);
  return { dispose: () => void events.off(name, listen) };
};

describe("the notification of a run", () => {
  const said: string[] = [];
  let showing = 0;
  /** What is in front. */
  let input: unknown;
  const editor = {
    TabInputCustom,
    ProgressLocation: { Notification: 15 },
    l10n: {
      t: (text: string, ...places: unknown[]) =>
        text.replace(/\{(\d)\}/g, (_, at) => String(places[Number(at)])),
    },
    window: {
      tabGroups: {
        get activeTabGroup() {
          return { activeTab: { input } };
        },
        onDidChangeTabs: on("tabs"),
        onDidChangeTabGroups: on("groups"),
      },
      withProgress: async (
        _: unknown,
        task: (progress: unknown, cancel: unknown) => Promise<void>,
      ): Promise<void> => {
        showing++;
        const progress = { report: ({ message }: { message: string }) => said.push(message) };
        await task(progress, { onCancellationRequested: on("cancel") });
        showing--;
      },
    },
  };
  let show: typeof showNotification;
  let leave: () => void;
  before(() => {
    const loaded = partIn(editor, "tune/notification.ts");
    ({ leave } = loaded);
    ({ showNotification: show } = loaded.part as { showNotification: typeof showNotification });
  });
  after(() => leave());

  const figures = { duration: () => "2 minutes", score: (value: number) => value.toFixed(2) };
  /** A run half done, and its end. */
  function begin() {
    let end: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const run = { share: 0.5, secondsLeft: 120, score: 0.61 } as TuneView["run"];
    let cancelled = 0;
    const desk = {
      name: "Moods",
      view: () => ({ stage: "running", run }) as TuneView,
      cancel: () => cancelled++,
    } as unknown as Desk;
    input = new TabInputWebview("plumb.tune");
    const gone = show(desk, ended, on("moved") as never, figures as never);
    return { gone, end, cancelled: () => cancelled };
  }
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  /** Tabs change places: what is in front afterwards. */
  const turnTo = async (front: unknown, event = "tabs") => {
    input = front;
    events.emit(event, {});
    await settled();
  };

  it("says how far it is to its end, whatever else is in front", async () => {
    const { gone, end, cancelled } = begin();
    events.emit("moved");
    assert.match(said.at(-1)!, /^50\s?% · 2 minutes left · held-out F1 0\.61$/);
    await turnTo(new TabInputWebview("plumb.report"));
    await turnTo(new TabInputCustom("hexEditor.hexedit"), "groups");
    assert.equal(showing, 1);
    events.emit("cancel");
    assert.equal(cancelled(), 1);
    end();
    await gone;
    assert.equal(showing, 0);
  });

  it("steps back once a label editor is in front, in this group of tabs or another, and stays away", async () => {
    for (const event of ["tabs", "groups"]) {
      const { gone } = begin();
      await turnTo(new TabInputCustom("plumb.label"), event);
      await gone;
      assert.equal(showing, 0);
      const before = said.length;
      await turnTo(new TabInputWebview("plumb.tune"), event);
      events.emit("moved");
      assert.deepEqual([showing, said.length], [0, before]);
      assert.deepEqual(events.eventNames(), [], "nobody listens any more");
    }
  });
});
