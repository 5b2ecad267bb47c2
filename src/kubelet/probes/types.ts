/** What one probe found, whatever it asked. Anything but `error` counts. */
export type Outcome =
  | { result: 'success'; output: string }
  /** Counts as a success and is told of. */
  | { result: 'warning'; output: string }
  | { result: 'failure'; output: string }
  /** The probe could not be carried out at all: it does not count. */
  | { result: 'error'; output: string };

/** Output beyond this is cut off. */
export const outputLimitBytes = 10 * 1024;
