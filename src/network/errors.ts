/** The machine lacks what the network needs, or refuses it. One clear line. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}
