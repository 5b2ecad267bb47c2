import { CodecError } from '../schema/index.ts';
import type { CodecInstance } from './instance.ts';

/** Kinds by the number the module gives (asm/codec/state.ts). */
const kinds: readonly CodecError['kind'][] = [
  'syntax', // none
  'syntax',
  'type',
  'depth',
  'size',
  'utf8',
  'syntax', // unknown field
  'syntax', // duplicate field
  'syntax', // wire
  'syntax', // truncated
];

const words: Readonly<Record<CodecError['kind'], string>> = {
  syntax: 'malformed input',
  type: 'a value of the wrong type',
  depth: 'exceeded max depth',
  size: 'the object is too large',
  utf8: 'invalid UTF-8',
};

const nowhere = 0xffff_ffff;

/** The failure that the module reported last, in words of its own. */
export function failureOf(instance: CodecInstance, input: Uint8Array): CodecError {
  const kind = kinds[instance.report(6)] ?? 'syntax';
  const at = instance.report(7);
  const place = at === nowhere || at > input.length ? '' : ` at byte ${at}`;
  return new CodecError(kind, `${words[kind]}${place}`, instance.text(instance.report(8), instance.report(9)));
}
