/** Handlers of paths outside the resource tree, exact before the longest prefix. */
import type { PathHandler } from '../types.ts';

export class PathRouter {
  readonly #exact = new Map<string, PathHandler>();
  readonly #prefixes: readonly PathHandler[];

  constructor(handlers: readonly PathHandler[]) {
    for (const handler of handlers) this.#exact.set(handler.path, handler);
    this.#prefixes = handlers.filter((h) => h.path.endsWith('/')).sort((a, b) => b.path.length - a.path.length);
  }

  /** A trailing slash makes no difference. */
  find(path: string): PathHandler | undefined {
    const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    return this.#exact.get(path) ?? this.#exact.get(trimmed) ?? this.#prefixes.find((h) => path.startsWith(h.path));
  }
}
