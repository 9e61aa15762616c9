/** A worker with the fake engine. PLUMB_FAKE names the way in which it dies. */
import { serveJob } from "../../../src/core/tuning/serve";
import { fakeTools } from "./fake-task";

const tools = fakeTools({ delay: 2 });
serveJob({
  ...tools,
  engine: () => {
    if (process.env.PLUMB_FAKE === "sigbus") process.kill(process.pid, "SIGBUS");
    if (process.env.PLUMB_FAKE === "exit") process.exit(7);
    if (process.env.PLUMB_FAKE === "throw") throw new TypeError("not a function");
    return tools.engine();
  },
});
