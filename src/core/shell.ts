/** A word of a command that a person may copy into a shell: in quotes where the shell would read it as something else. */
export const shellWord = (word: string): string =>
  /^[\p{L}\p{N}\p{M}_./:@%+=,-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
