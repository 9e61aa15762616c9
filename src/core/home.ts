import os from "node:os";

/**
 * The user's home, as the environment has it: Windows has a variable of its own for it, as Python and Node.js know. Where
 * the variable is empty, which os.homedir() would give back, it is the one of the user's account.
 */
export function homeFolder({ HOME, USERPROFILE }: NodeJS.ProcessEnv, platform = process.platform): string {
  return (platform === "win32" ? USERPROFILE : HOME) || os.homedir() || os.userInfo().homedir;
}

/** A folder in which `~` at the beginning stands for the user's home. */
export function withHome(
  folder: string,
  environment: NodeJS.ProcessEnv,
  platform = process.platform,
): string {
  return folder.replace(/^~(?=[\\/]|$)/, () => homeFolder(environment, platform));
}
