import { skipSpace } from './json-syntax.ts';

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'bool' | 'null';

/** Walks over JSON text whose syntax has been checked. Stands on the first character of a value or behind one. */
export class JsonCursor {
  readonly text: string;
  #at: number;

  constructor(text: string) {
    this.text = text;
    this.#at = skipSpace(text, 0);
  }

  kind(): JsonKind {
    switch (this.text[this.#at]) {
      case '{':
        return 'object';
      case '[':
        return 'array';
      case '"':
        return 'string';
      case 't':
      case 'f':
        return 'bool';
      case 'n':
        return 'null';
      default:
        return 'number';
    }
  }

  /** Calls `each` on every member with the cursor on its value; `each` must consume it. */
  object(each: (key: string) => void): void {
    this.#open('}', () => {
      const key = this.string();
      this.#at = skipSpace(this.text, skipSpace(this.text, this.#at) + 1);
      each(key);
    });
  }

  /** Calls `each` on every element with the cursor on it; `each` must consume it. */
  array(each: (index: number) => void): void {
    let index = 0;
    this.#open(']', () => each(index++));
  }

  #open(close: string, member: () => void): void {
    this.#at = skipSpace(this.text, this.#at + 1);
    if (this.text[this.#at] === close) {
      this.#at++;
      return;
    }
    for (;;) {
      member();
      this.#at = skipSpace(this.text, this.#at);
      const ended = this.text[this.#at] === close;
      this.#at++;
      if (ended) return;
      this.#at = skipSpace(this.text, this.#at);
    }
  }

  /** A string's content. Unpaired surrogates become U+FFFD, as in Go. */
  string(): string {
    const start = this.#at;
    const escaped = this.#skipString();
    if (!escaped) return this.text.slice(start + 1, this.#at - 1);
    return (JSON.parse(this.text.slice(start, this.#at)) as string).toWellFormed();
  }

  bool(): boolean {
    const value = this.text[this.#at] === 't';
    this.#at += value ? 4 : 5;
    return value;
  }

  /** A number as it was written. */
  number(): string {
    const start = this.#at;
    while (/[-+.eE0-9]/.test(this.text[this.#at] ?? '')) this.#at++;
    return this.text.slice(start, this.#at);
  }

  null(): void {
    this.#at += 4;
  }

  /** A whole value as it was written. */
  raw(): string {
    const start = this.#at;
    this.skip();
    return this.text.slice(start, this.#at);
  }

  /** Moves behind the value, however deep. */
  skip(): void {
    let depth = 0;
    do {
      switch (this.kind()) {
        case 'object':
        case 'array':
          depth++;
          this.#at++;
          break;
        case 'string':
          this.#skipString();
          break;
        case 'bool':
          this.bool();
          break;
        case 'null':
          this.null();
          break;
        case 'number':
          this.number();
          break;
      }
      depth = this.#skipBetween(depth);
    } while (depth > 0);
  }

  /** Moves over punctuation to the next value, or behind the end of the outermost container. */
  #skipBetween(start: number): number {
    let depth = start;
    while (depth > 0) {
      this.#at = skipSpace(this.text, this.#at);
      const char = this.text[this.#at];
      if (char === '}' || char === ']') depth--;
      else if (char !== ',' && char !== ':') break;
      this.#at++;
    }
    return depth;
  }

  /** True when the string has escapes. */
  #skipString(): boolean {
    let escaped = false;
    for (let at = this.#at + 1; ; at++) {
      const code = this.text.charCodeAt(at);
      if (code === 0x5c) {
        escaped = true;
        at++;
      } else if (code === 0x22) {
        this.#at = at + 1;
        return escaped;
      }
    }
  }
}
