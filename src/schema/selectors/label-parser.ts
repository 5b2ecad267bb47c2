/** The grammar of label selectors in query strings: apimachinery's labels.Parse, with its messages. */
import type { LabelRequirement } from '../object.ts';
import { labelKeyProblems, labelValueProblems } from './label-names.ts';

/** Text that is not a label selector. The message is upstream's. */
export class LabelSelectorError extends Error {}

const specialSymbols = new Set(['=', '!', '(', ')', ',', '>', '<']);
const operators: Readonly<Record<string, LabelRequirement['operator']>> = {
  in: 'In',
  notin: 'NotIn',
  '=': 'In',
  '==': 'In',
  '!=': 'NotIn',
  '>': 'Gt',
  '<': 'Lt',
};
const binaryOperators = 'in, notin, =, ==, !=, gt, lt';
const endOfString = 'end of string';

interface Token {
  kind: 'identifier' | 'symbol' | 'end' | 'error';
  text: string;
}

function scan(text: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < text.length; ) {
    const char = text[at]!;
    if (/[ \t\r\n]/.test(char)) {
      at++;
    } else if (specialSymbols.has(char)) {
      const pair = text.slice(at, at + 2);
      const symbol = pair === '==' || pair === '!=' ? pair : char;
      tokens.push({ kind: 'symbol', text: symbol });
      at += symbol.length;
    } else {
      const word = /^[^=!(),<> \t\r\n]+/.exec(text.slice(at))![0];
      tokens.push({ kind: 'identifier', text: word });
      at += word.length;
    }
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

/** Reads a selector such as `app=web,tier in (a,b),!legacy`; sorted by key. Throws LabelSelectorError. */
export function parseLabelSelector(text: string): LabelRequirement[] {
  const parser = new Parser(scan(text));
  return parser.selector().sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  selector(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    while (this.#peek().kind !== 'end') {
      if (!this.#startsRequirement()) {
        throw new LabelSelectorError(`found '${this.#peek().text}', expected: !, identifier, or '${endOfString}'`);
      }
      requirements.push(this.#requirement());
      const next = this.#take();
      if (next.kind === 'end') break;
      if (next.text !== ',') throw new LabelSelectorError(`found '${next.text}', expected: ',' or '${endOfString}'`);
      if (!this.#startsRequirement()) {
        throw new LabelSelectorError(`found '${this.#peek().text}', expected: identifier after ','`);
      }
    }
    return requirements;
  }

  #requirement(): LabelRequirement {
    try {
      return this.#keyAndValues();
    } catch (error) {
      if (!(error instanceof LabelSelectorError)) throw error;
      throw new LabelSelectorError(`unable to parse requirement: ${error.message}`);
    }
  }

  #keyAndValues(): LabelRequirement {
    const negated = this.#peek().text === '!';
    if (negated) this.#take();
    const { kind, text: key } = this.#take();
    if (kind !== 'identifier') throw new LabelSelectorError(`found '${key}', expected: identifier`);
    const problems = labelKeyProblems(key);
    if (problems.length) throw new LabelSelectorError(invalid('<nil>', key, problems));
    if (negated) return { key, operator: 'DoesNotExist', values: [] };
    if (this.#endsRequirement()) return { key, operator: 'Exists', values: [] };
    const operator = this.#operator();
    const values = operator.text === 'in' || operator.text === 'notin' ? this.#values() : [this.#exactValue()];
    return checked({ key, operator: operators[operator.text]!, values: [...new Set(values)].sort() });
  }

  #operator(): Token {
    const token = this.#take();
    if (Object.hasOwn(operators, token.text)) return token;
    throw new LabelSelectorError(`found '${token.text}', expected: ${binaryOperators}`);
  }

  #exactValue(): string {
    if (this.#endsRequirement()) return '';
    const token = this.#take();
    if (token.kind === 'identifier') return token.text;
    throw new LabelSelectorError(`found '${token.text}', expected: identifier`);
  }

  #values(): string[] {
    const open = this.#take();
    if (open.text !== '(') throw new LabelSelectorError(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.text === ')') {
      this.#take();
      return [''];
    }
    if (first.kind !== 'identifier' && first.text !== ',') {
      throw new LabelSelectorError(`found '${first.text}', expected: ',', ')' or identifier`);
    }
    const values = this.#list();
    this.#take();
    return values;
  }

  /** Up to the closing parenthesis. An empty place between commas is the empty value. */
  #list(): string[] {
    const values: string[] = [];
    for (;;) {
      const token = this.#take();
      const next = this.#peek();
      if (token.kind === 'identifier') {
        values.push(token.text);
        if (next.text === ')') return values;
        if (next.text !== ',') throw new LabelSelectorError(`found '${next.text}', expected: ',' or ')'`);
      } else if (token.text === ',') {
        if (values.length === 0 || next.text === ',') values.push('');
        if (next.text === ')') return [...values, ''];
      } else {
        throw new LabelSelectorError(`found '${token.text}', expected: ',', or identifier`);
      }
    }
  }

  #startsRequirement(): boolean {
    return this.#peek().kind === 'identifier' || this.#peek().text === '!';
  }

  #endsRequirement(): boolean {
    return this.#peek().kind === 'end' || this.#peek().text === ',';
  }

  #peek(): Token {
    return this.#tokens[this.#at]!;
  }

  /** The last token, the end, stays. */
  #take(): Token {
    const token = this.#tokens[this.#at]!;
    if (token.kind !== 'end') this.#at++;
    return token;
  }
}

const invalid = (path: string, value: string, problems: readonly string[]): string =>
  `${path}: Invalid value: ${JSON.stringify(value)}: ${problems.join('; ')}`;

/** Throws unless the requirement is one that upstream's NewRequirement accepts. */
export function checked(requirement: LabelRequirement): LabelRequirement {
  const errors = [...requirementErrors(requirement)];
  if (errors.length === 0) return requirement;
  throw new LabelSelectorError(errors.length === 1 ? errors[0]! : `[${errors.join(', ')}]`);
}

function* requirementErrors({ key, operator, values }: LabelRequirement): Generator<string> {
  const keyProblems = labelKeyProblems(key);
  if (keyProblems.length) yield invalid('key', key, keyProblems);
  const list = JSON.stringify(values);
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0) {
    yield `values: Invalid value: ${list}: for 'in', 'notin' operators, values set can't be empty`;
  }
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0) {
    yield `values: Invalid value: ${list}: values set must be empty for exists and does not exist`;
  }
  if (operator === 'Gt' || operator === 'Lt') yield* integerErrors(values);
  for (const [i, value] of values.entries()) {
    const problems = labelValueProblems(value);
    if (problems.length) yield invalid(`values[${i}][${key}]`, value, problems);
  }
}

function* integerErrors(values: readonly string[]): Generator<string> {
  if (values.length !== 1) {
    yield `values: Invalid value: ${JSON.stringify(values)}: for 'Gt', 'Lt' operators, exactly one value is required`;
  }
  for (const [i, value] of values.entries()) {
    if (parseInt64(value) !== undefined) continue;
    yield `values[${i}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`;
  }
}

/** A decimal integer within int64, as Go's strconv.ParseInt; undefined when it is none. */
export function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?[0-9]{1,40}$/.test(text)) return undefined;
  const value = BigInt(text.replace(/^\+/, ''));
  return value === BigInt.asIntN(64, value) ? value : undefined;
}
