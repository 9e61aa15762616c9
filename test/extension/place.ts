import { mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { Editor, type EditorOptions, type HostPrograms } from "./editor";

/** Looked at by people; not compared. */
const pictures = path.resolve(__dirname, "../../build/pictures");

/** A folder with what a test puts there, and a real editor that shows it. */
export class Place {
  private opened: Editor | null = null;

  private constructor(
    readonly workspace: string,
    private readonly programs: HostPrograms,
    /** Folder of the extension as it is shipped. */
    readonly extension: string,
  ) {}

  /** Null, with a word about it, where no editor is installed for tests. */
  static async make(name: string): Promise<Place | null> {
    const { PLUMB_VSCODE_HOST: programs, PLUMB_TEST_EXTENSION: extension } = process.env;
    if (programs === undefined || extension === undefined) {
      console.log("      Skipped: `npm run test:long` installs an editor for these tests.");
      return null;
    }
    await mkdir(pictures, { recursive: true });
    const workspace = await mkdtemp(path.join(os.tmpdir(), `plumb-${name}-`));
    return new Place(workspace, JSON.parse(programs) as HostPrograms, extension);
  }

  get editor(): Editor {
    if (this.opened === null) throw new Error("The editor is not open yet.");
    return this.opened;
  }

  /** @param options Another folder than the whole workspace, settings of the editor, its environment, its language, a suite to run in it, trust. */
  async open(
    options: Partial<
      Pick<EditorOptions, "workspace" | "settings" | "env" | "suite" | "language" | "trust">
    > = {},
  ): Promise<Editor> {
    const { programs, workspace, extension } = this;
    const theme = process.env.PLUMB_TEST_THEME ?? "Default Dark Modern";
    this.opened = await Editor.open({ programs, workspace, extension, theme, ...options });
    return this.opened;
  }

  async close(): Promise<void> {
    await this.opened?.close();
    await rm(this.workspace, { recursive: true, force: true });
  }

  picture(name: string): Promise<Buffer> {
    return this.editor.page.screenshot({ path: path.join(pictures, `${name}.png`) });
  }
}
