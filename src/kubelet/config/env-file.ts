import { goQuote } from '../volumes/index.ts';

/**
 * The value of a variable in a file of `NAME='value'` lines; '' when it is not there. Values may span lines; nothing in
 * them is interpreted. Syntax and error texts: pkg/kubelet/util/env.
 */
export function variableInFile(text: string, wanted: string): string {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === '') lines.pop();
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index]!.replace(/^[ \t]+/, '');
    if (line === '' || line.startsWith('#')) continue;
    const began = index;
    const { name, rest } = assignment(line, began);
    if (/^[ \t]/.test(rest)) {
      if (name === wanted) return '';
      continue;
    }
    if (!rest.startsWith("'")) throw problem(began, 'value must be enclosed in single quotes');
    let value = rest.slice(1);
    while (!value.includes("'")) {
      if (++index >= lines.length) throw unclosed(began);
      value += `\n${lines[index]!}`;
    }
    const close = value.indexOf("'");
    const after = value.slice(close + 1).replace(/^[ \t]+/, '');
    if (after !== '' && !after.startsWith('#')) throw problem(index, 'unexpected content after closing quote');
    if (name === wanted) return value.slice(0, close);
  }
  return '';
}

function assignment(line: string, index: number): { name: string; rest: string } {
  const equals = line.indexOf('=');
  if (equals < 0) throw problem(index, "missing '='");
  const name = line.slice(0, equals);
  if (name.trim() === '') throw problem(index, 'empty variable name');
  if (/[ \t]$/.test(name)) throw problem(index, "whitespace before '=' is not allowed");
  return { name, rest: line.slice(equals + 1) };
}

const problem = (index: number, what: string): Error =>
  new Error(`invalid environment variable format at line ${index + 1}: ${what}`);

const unclosed = (index: number): Error =>
  new Error(`invalid environment variable format starting at line ${index + 1}: unclosed single quote`);

/** What a container is told when an environment file has no such key. */
export const keyNotInFile = (key: string, path: string): Error =>
  new Error(`environment variable key ${goQuote(key)} not found in file ${goQuote(path)}`);
