/** A worker with the fake engine. PLUMB_FAKE names the way in which it dies, PLUMB_FAKE_FILE a second file of its model. */
import { truncateSync } from "node:fs";
import { serveJob } from "../../../src/core/tuning/serve";
import { fakeTools } from "./fake-task";

const tools = fakeTools({ delay: 2 });
const second = process.env.PLUMB_FAKE_FILE;
serveJob({
  ...tools,
  openBaseModel: async (...named) => {
    const base = await tools.openBaseModel(...named);
    const files = [...base.table.files, ...(second === undefined ? [] : [second])];
    return { ...base, table: { ...base.table, files } };
  },
  engine: () => {
    if (process.env.PLUMB_FAKE === "sigbus") {
      if (second !== undefined) truncateSync(second, 1);
      process.kill(process.pid, "SIGBUS");
    }
    if (process.env.PLUMB_FAKE === "exit") process.exit(7);
    if (process.env.PLUMB_FAKE === "throw") throw new TypeError("not a function");
    return tools.engine();
  },
});
