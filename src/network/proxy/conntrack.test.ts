import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFlows, staleFlows } from './conntrack.ts';

const line = (sentTo: string, port: number, target: string, targetPort: number): string =>
  `udp      17 29 src=10.42.0.9 dst=${sentTo} sport=4242 dport=${port} [UNREPLIED] src=${target} dst=10.42.0.9 sport=${targetPort} dport=4242 mark=0 use=1`;

test('flows are read as they were sent and as they are answered', () => {
  assert.deepEqual(parseFlows(`${line('10.43.0.24', 53, '10.42.0.7', 5353)}\nnot a flow\n`), [
    { address: '10.43.0.24', port: '53', target: '10.42.0.7', targetPort: '5353' },
  ]);
});

test('flows to a Service that lead to none of its endpoints are stale; others are left alone', () => {
  const flows = parseFlows(
    [
      line('10.43.0.24', 53, '10.42.0.7', 53),
      line('10.43.0.24', 53, '10.42.0.8', 53),
      line('192.0.2.10', 30053, '10.42.0.8', 53),
      line('198.51.100.1', 123, '198.51.100.1', 123),
    ].join('\n'),
  );
  const targets = new Map([
    ['10.43.0.24:53', new Set(['10.42.0.7:53'])],
    [':30053', new Set(['10.42.0.7:53'])],
  ]);
  assert.deepEqual(
    staleFlows(flows, targets).map(({ address, target }) => `${address} ${target}`),
    ['10.43.0.24 10.42.0.8', '192.0.2.10 10.42.0.8'],
  );
});
