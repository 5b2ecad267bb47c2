import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isWithin } from './cidr.ts';

for (const [address, cidr, expected] of [
  ['10.42.0.7', '10.42.0.0/24', true],
  ['10.42.1.7', '10.42.0.0/24', false],
  ['10.42.1.7', '10.42.0.9/16', true],
  ['203.0.113.1', '0.0.0.0/0', true],
  ['203.0.113.1', '203.0.113.1/32', true],
  ['203.0.113.1', '203.0.113.1/33', false],
  ['not an address', '0.0.0.0/0', false],
  ['203.0.113.1', 'fd00::/8', false],
] as const) {
  test(`${address} is ${expected ? '' : 'not '}within ${cidr}`, () => assert.equal(isWithin(address, cidr), expected));
}
