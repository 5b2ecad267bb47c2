/** A file that holds no pod that could run here. The message says which field is wrong. */
export class StaticPodError extends Error {
  override readonly name = 'StaticPodError';
}
