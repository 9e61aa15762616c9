/**
 * Makes the process's environment exactly these variables. In place: an object of one's own in `process.env` would be seen by
 * JavaScript alone, and not by what asks the system, `os.homedir()` for one.
 */
export function setEnvironment(variables: NodeJS.ProcessEnv): void {
  for (const name of Object.keys(process.env)) {
    if (variables[name] === undefined) Reflect.deleteProperty(process.env, name);
  }
  Object.assign(process.env, variables);
}
