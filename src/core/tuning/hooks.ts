import { writeCheckpoint } from "./checkpoint";
import type { Run } from "./run";
import { writing } from "./run-folder";
import type { TrainingHooks } from "./trainer";

/** Checkpoints, log and progress of one training. */
export function trainingHooks(
  run: Run,
  checkpointFile: string,
  phase: "tune" | "fold",
  title: string,
): TrainingHooks {
  let lastStep = -1;
  let lastLook = -1;
  return {
    save: (snapshot) => writing(checkpointFile, () => writeCheckpoint(checkpointFile, snapshot)),
    progress: ({ step, steps, loss, evaluation, tokensPerSecond, secondsLeft }) => {
      if (loss !== null && step !== lastStep) run.log({ event: "step", phase: title, step, loss });
      if (evaluation !== null && evaluation.step !== lastLook) {
        run.log({ event: "held-out", phase: title, ...evaluation });
        lastLook = evaluation.step;
      }
      lastStep = step;
      run.channel.send({
        type: "progress",
        phase,
        title,
        done: step,
        total: steps,
        loss,
        heldOutLoss: evaluation?.loss ?? null,
        heldOutScore: evaluation?.score ?? null,
        tokensPerSecond,
        secondsLeft,
      });
    },
    stop: () => run.channel.stop(),
    now: () => run.tools.now().getTime(),
    checkpointSeconds: run.checkpointSeconds,
  };
}
