/** The mount point that a line of /proc/self/mountinfo tells (proc(5)): blanks and backslashes are written in octal. */
export const mountPointOf = (line: string): string =>
  (line.split(' ', 5)[4] ?? '').replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
