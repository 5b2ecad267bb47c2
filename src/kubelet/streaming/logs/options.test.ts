import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StatusError } from '../../../kernel/index.ts';
import { parseLogOptions } from './options.ts';

const nowMs = Date.UTC(2026, 0, 1);
const parse = (query: string) => parseLogOptions(new URLSearchParams(query), 'web', nowMs);

test('options of a log are read as upstream reads them', () => {
  assert.deepEqual(parse('container=a&follow=true&previous=1&timestamps=false&tailLines=0&limitBytes=7'), {
    container: 'a',
    follow: true,
    previous: true,
    timestamps: false,
    stream: 'All',
    sinceMs: undefined,
    tailLines: 0,
    limitBytes: 7,
  });
  assert.equal(parse('sinceSeconds=10').sinceMs, nowMs - 10_000);
  assert.equal(parse('sinceTime=2025-12-31T23:59:59Z').sinceMs, nowMs - 1_000);
});

for (const [query, message] of [
  ['tailLines=-1', 'PodLogOptions "web" is invalid: tailLines: Invalid value: -1: must be greater than or equal to 0'],
  ['limitBytes=0', 'PodLogOptions "web" is invalid: limitBytes: Invalid value: 0: must be greater than 0'],
  ['sinceSeconds=0', 'PodLogOptions "web" is invalid: sinceSeconds: Invalid value: 0: must be greater than 0'],
  [
    'stream=Stdin',
    'PodLogOptions "web" is invalid: stream: Unsupported value: "Stdin": supported values: "All", "Stderr", "Stdout"',
  ],
  ['tailLines=x', 'strconv.ParseInt: parsing "x": invalid syntax'],
  [
    'sinceTime=yesterday',
    'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"',
  ],
] as const) {
  test(`options of a log: ${query}`, () => {
    assert.throws(
      () => parse(query),
      (error) => error instanceof StatusError && error.message === message,
    );
  });
}
