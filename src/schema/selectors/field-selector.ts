/** The grammar of field selectors in query strings: apimachinery's fields.ParseSelector, with its messages. */
import type { FieldRequirement } from '../object.ts';

/** Text that is not a field selector. The message is upstream's. */
export class FieldSelectorError extends Error {}

/** Reads a selector such as `metadata.name=web,status.phase!=Running`. Throws FieldSelectorError. */
export function parseFieldSelector(text: string): FieldRequirement[] {
  const terms = splitTerms(text)
    .filter((term) => term !== '')
    .sort();
  const requirements = terms.map((term): FieldRequirement => {
    const match = /!=|==|=/.exec(term);
    if (!match) throw new FieldSelectorError(`invalid selector: '${text}'; can't understand '${term}'`);
    return {
      field: term.slice(0, match.index),
      operator: match[0] === '!=' ? '!=' : '=',
      value: unescapeValue(term.slice(match.index + match[0].length)),
    };
  });
  return requirements.filter(({ field, value }) => field !== '' || value !== '');
}

/** Splits at commas that no backslash stands before. */
function splitTerms(text: string): string[] {
  const terms: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') {
      at++;
    } else if (text[at] === ',') {
      terms.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...terms, text.slice(start)];
}

function unescapeValue(text: string): string {
  let value = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === ',' || char === '=') {
      throw new FieldSelectorError(`invalid field selector: unescaped character in value: ${char.charCodeAt(0)}`);
    }
    if (char !== '\\') {
      value += char;
      continue;
    }
    const escaped = text[++at] ?? '';
    if (!escaped || !'\\,='.includes(escaped)) {
      throw new FieldSelectorError(`invalid field selector: invalid escape sequence: \\${escaped}`);
    }
    value += escaped;
  }
  return value;
}
