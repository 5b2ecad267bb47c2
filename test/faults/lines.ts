/** What the process under fault tells. Times are microseconds of the machine's monotonic clock. */

export interface WriterOptions {
  /** Number of the process: values are unique over all of them. */
  run: number;
  seed: number;
  clients: number;
  /** Operations of each client and session. */
  operations: number;
  /** How often the store is opened and closed. */
  sessions: number;
  keys: number;
  /** Objects that are written softly most of the time. */
  softKeys: number;
  payloadBytes: number;
  /** False: commits are answered before they are durable. */
  sync: boolean;
}

export interface State {
  value: string;
  revision: number;
}

export type Line =
  | { step: 'open'; revision: number; state: Record<string, State>; begin: number; end: number }
  | { step: 'read'; key: string; value: string | null; begin: number; end: number }
  | {
      step: 'begin';
      id: number;
      key: string;
      expected: string | null;
      /** null: delete. */
      value: string | null;
      isSoft: boolean;
      at: number;
    }
  | { step: 'end'; id: number; revision: number; at: number }
  | { step: 'conflict'; id: number };

type Begin = Extract<Line, { step: 'begin' }>;

/** Whole lines of the output; a last one that was cut off is left out. */
export function parseLines(output: string): Line[] {
  return output
    .slice(0, output.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** The newest revision that an acknowledged hard put gave to each object, unless a delete may have come after it. */
export function promised(lines: readonly Line[]): Map<string, number> {
  const open = new Map<number, Begin>();
  const put = new Map<string, number>();
  const deleted = new Map<string, number>();
  const raise = (revisions: Map<string, number>, key: string, revision: number): void => {
    revisions.set(key, Math.max(revision, revisions.get(key) ?? 0));
  };
  for (const line of lines) {
    if (line.step === 'begin') open.set(line.id, line);
    else if (line.step === 'conflict') open.delete(line.id);
    else if (line.step === 'end') {
      const { isSoft, key, value } = open.get(line.id)!;
      open.delete(line.id);
      if (value === null) raise(deleted, key, line.revision);
      else if (!isSoft) raise(put, key, line.revision);
    }
  }
  for (const { key, value } of open.values()) if (value === null) deleted.set(key, Number.POSITIVE_INFINITY);
  return new Map([...put].filter(([key, revision]) => revision > (deleted.get(key) ?? 0)));
}
