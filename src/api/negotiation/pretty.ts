/** Re-indents compact JSON without parsing it, so that numbers keep their digits. */
export function prettyJson(text: string): string {
  let result = '';
  let depth = 0;
  const line = (): string => `\n${'  '.repeat(depth)}`;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"') {
      const end = endOfString(text, at);
      result += text.slice(at, end);
      at = end - 1;
    } else if (char === '{' || char === '[') {
      const close = text[at + 1];
      if (close === '}' || close === ']') {
        result += char + close;
        at++;
      } else {
        depth++;
        result += char + line();
      }
    } else if (char === '}' || char === ']') {
      depth--;
      result += line() + char;
    } else if (char === ',') {
      result += char + line();
    } else if (char === ':') {
      result += ': ';
    } else {
      result += char;
    }
  }
  return result;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at + 1;
  }
  return text.length;
}
