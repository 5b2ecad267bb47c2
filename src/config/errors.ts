/** A configuration that cannot be used. `path` is the key, `message` says what it must be. */
export class ConfigError extends Error {
  readonly path: string;

  constructor(path: string, problem: string) {
    super(`invalid configuration: ${path}: ${problem}`);
    this.name = 'ConfigError';
    this.path = path;
  }
}
