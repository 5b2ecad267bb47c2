/** The text of a JSON patch body: parsed, and read strictly. */
import { apiError } from '../../kernel/index.ts';
import { CodecError, parseJsonObject, referenceCodec } from '../../schema/index.ts';

export interface PatchText {
  body: unknown;
  /** `duplicate field "spec.replicas"`, in order of appearance, at most 100. */
  problems: string[];
}

/**
 * Parses the body of a JSON, merge or strategic merge patch. `prefix` stands before the reason in the 400 for bad
 * syntax: upstream says `error decoding patch: …` for JSON and merge patches, nothing for strategic ones.
 */
export function parsePatchText(text: string, prefix = ''): PatchText {
  try {
    return { body: parseJsonObject<unknown>(text), problems: duplicateFields(text) };
  } catch (error) {
    throw apiError.badRequest(`${prefix}${syntaxProblem(text) ?? (error as Error).message}`);
  }
}

/** What Go's decoder says of text that is no JSON. */
function syntaxProblem(text: string): string | undefined {
  try {
    referenceCodec.fromJson('meta/v1.Status', new TextEncoder().encode(text), { defaults: false });
  } catch (error) {
    if (error instanceof CodecError) return error.message;
  }
  return undefined;
}

const maxProblems = 100;

interface Frame {
  /** Names met so far; undefined in a list. */
  names: Set<string> | undefined;
  /** Step to the value that is being read: `.name` or `[0]`. */
  step: string;
  index: number;
  awaitsName: boolean;
}

/** Members that an object has twice, in JSON that is known to be well-formed. */
export function duplicateFields(text: string): string[] {
  const problems = new Set<string>();
  const stack: Frame[] = [];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const frame = stack.at(-1);
    if (token === '{') stack.push({ names: new Set(), step: '', index: 0, awaitsName: true });
    else if (token === '[') stack.push({ names: undefined, step: '[0]', index: 0, awaitsName: false });
    else if (token === '}' || token === ']') stack.pop();
    else if (token === ',') nextMember(frame!);
    else if (frame?.awaitsName) {
      takeName(frame, JSON.parse(token) as string, () => problems.size < maxProblems && problems.add(pathOf(stack)));
    }
  }
  return [...problems].map((path) => `duplicate field ${JSON.stringify(path)}`);
}

function nextMember(frame: Frame): void {
  if (frame.names) frame.awaitsName = true;
  else frame.step = `[${++frame.index}]`;
}

function takeName(frame: Frame, name: string, onDuplicate: () => void): void {
  frame.step = `.${name}`;
  frame.awaitsName = false;
  if (frame.names!.has(name)) onDuplicate();
  frame.names!.add(name);
}

const pathOf = (stack: readonly Frame[]): string =>
  stack
    .map(({ step }) => step)
    .join('')
    .replace(/^\./, '');
