/** Why no container runtime can be had: one line that says what to do. */
export class RuntimeError extends Error {
  override readonly name = 'RuntimeError';
}
