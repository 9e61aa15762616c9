import os from "node:os";

/** The user's home, as the environment has it. */
export function homeFolder({ HOME }: NodeJS.ProcessEnv): string {
  return HOME || os.homedir();
}
