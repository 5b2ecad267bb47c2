import { CodecError } from '../codec.ts';

/** Nesting that Go's scanner allows. */
const maxDepth = 10_000;

/** Throws CodecError unless `text` is one JSON value, in the words of Go's encoding/json. Does not recurse. */
export function checkSyntax(text: string): void {
  const open: ('{' | '[')[] = [];
  let at = skipSpace(text, 0);
  for (;;) {
    at = beginValue(text, at, open);
    at = endValue(text, skipSpace(text, at), open);
    if (at < 0) return;
  }
}

/** Consumes the opening of containers and one scalar or empty container. Returns the position behind it. */
function beginValue(text: string, start: number, open: ('{' | '[')[]): number {
  let at = start;
  for (;;) {
    const char = text[at];
    if (char !== '{' && char !== '[') return scalar(text, at);
    open.push(char);
    if (open.length > maxDepth) throw new CodecError('depth', `invalid character '${char}' exceeded max depth`);
    at = skipSpace(text, at + 1);
    const close = char === '{' ? '}' : ']';
    if (text[at] === close) {
      open.pop();
      return at + 1;
    }
    if (char === '{') at = objectKey(text, at);
  }
}

/** After a value: closes containers, or moves to the next value. Returns -1 at the end of the text. */
function endValue(text: string, start: number, open: ('{' | '[')[]): number {
  let at = start;
  for (;;) {
    const container = open.at(-1);
    if (!container) {
      if (at < text.length) throw unexpected(text, at, 'after top-level value');
      return -1;
    }
    const char = text[at];
    if (char === ',') {
      at = skipSpace(text, at + 1);
      return container === '{' ? objectKey(text, at) : at;
    }
    if (char !== (container === '{' ? '}' : ']')) {
      throw unexpected(text, at, container === '{' ? 'after object key:value pair' : 'after array element');
    }
    open.pop();
    at = skipSpace(text, at + 1);
  }
}

function objectKey(text: string, start: number): number {
  if (text[start] !== '"') throw unexpected(text, start, 'looking for beginning of object key string');
  const at = skipSpace(text, string(text, start));
  if (text[at] !== ':') throw unexpected(text, at, 'after object key');
  return skipSpace(text, at + 1);
}

function scalar(text: string, at: number): number {
  switch (text[at]) {
    case '"':
      return string(text, at);
    case 't':
      return word(text, at, 'true');
    case 'f':
      return word(text, at, 'false');
    case 'n':
      return word(text, at, 'null');
    case '-':
      return number(text, at + 1);
    default:
      if (isDigit(text, at)) return number(text, at);
      throw unexpected(text, at, 'looking for beginning of value');
  }
}

function word(text: string, start: number, expected: string): number {
  for (let i = 1; i < expected.length; i++) {
    if (text[start + i] !== expected[i]) {
      throw unexpected(text, start + i, `in literal ${expected} (expecting '${expected[i]}')`);
    }
  }
  return start + expected.length;
}

function number(text: string, start: number): number {
  if (!isDigit(text, start)) throw unexpected(text, start, 'in numeric literal');
  let at = text[start] === '0' ? start + 1 : digits(text, start);
  if (text[at] === '.') {
    if (!isDigit(text, at + 1)) throw unexpected(text, at + 1, 'after decimal point in numeric literal');
    at = digits(text, at + 1);
  }
  if (text[at] === 'e' || text[at] === 'E') {
    at++;
    if (text[at] === '+' || text[at] === '-') at++;
    if (!isDigit(text, at)) throw unexpected(text, at, 'in exponent of numeric literal');
    at = digits(text, at);
  }
  return at;
}

function string(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) at = escapeSequence(text, at + 1);
    else if (!(code >= 0x20)) throw unexpected(text, at, 'in string literal');
  }
}

/** Returns the position of the escape's last character. */
function escapeSequence(text: string, at: number): number {
  const char = text[at];
  if (char !== 'u') {
    if (char !== undefined && '"\\/bfnrt'.includes(char)) return at;
    throw unexpected(text, at, 'in string escape code');
  }
  for (let i = 1; i <= 4; i++) {
    if (!/[0-9a-fA-F]/.test(text[at + i] ?? '')) {
      throw unexpected(text, at + i, 'in \\u hexadecimal character escape');
    }
  }
  return at + 4;
}

function digits(text: string, start: number): number {
  let at = start;
  while (isDigit(text, at)) at++;
  return at;
}

function isDigit(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 48 && code <= 57;
}

export function skipSpace(text: string, start: number): number {
  for (let at = start; ; at++) {
    const code = text.charCodeAt(at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
  }
}

function unexpected(text: string, at: number, context: string): CodecError {
  // Go feeds a space to its scanner at the end of the text; that is an error within a token, and skipped between tokens.
  const withinToken = /^(in literal|in numeric|in exponent|in string escape|in \\u|after decimal)/.test(context);
  if (at >= text.length && !withinToken) return new CodecError('syntax', 'unexpected end of JSON input');
  const char = at < text.length ? quoteByte(text, at) : "' '";
  return new CodecError('syntax', `invalid character ${char} ${context}`);
}

/** Go prints the offending byte as a character, so one beyond ASCII shows as the first byte of its UTF-8. */
function quoteByte(text: string, at: number): string {
  const code = text.codePointAt(at)!;
  const byte = new TextEncoder().encode(String.fromCodePoint(code))[0]!;
  if (byte === 0x27) return `'\\''`;
  if (byte === 0x22) return `'"'`;
  const named: Record<number, string> = {
    7: '\\a',
    8: '\\b',
    9: '\\t',
    10: '\\n',
    11: '\\v',
    12: '\\f',
    13: '\\r',
    92: '\\\\',
  };
  if (named[byte]) return `'${named[byte]}'`;
  if (byte < 0x20 || byte === 0x7f) return `'\\x${byte.toString(16).padStart(2, '0')}'`;
  if (byte >= 0x80 && byte < 0xa0) return `'\\u00${byte.toString(16)}'`;
  return `'${String.fromCharCode(byte)}'`;
}
