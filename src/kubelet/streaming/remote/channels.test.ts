import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseProtocol, readMessage } from './channels.ts';

test('the first of the client’s protocols that is known is taken', () => {
  assert.equal(chooseProtocol([]), '');
  assert.equal(chooseProtocol(['v5.channel.k8s.io', 'v4.channel.k8s.io']), 'v5.channel.k8s.io');
  assert.equal(chooseProtocol(['v9.channel.k8s.io', 'channel.k8s.io']), 'channel.k8s.io');
  assert.equal(chooseProtocol(['v9.channel.k8s.io', '']), undefined);
});

test('only v5 knows how to close a channel', () => {
  const close = Uint8Array.of(255, 0);
  assert.deepEqual(readMessage('v5.channel.k8s.io', close), { kind: 'close', channel: 0 });
  assert.equal(readMessage('v5.channel.k8s.io', Uint8Array.of(255)), undefined);
  assert.deepEqual(readMessage('v4.channel.k8s.io', close), {
    kind: 'data',
    channel: 255,
    data: Uint8Array.of(0),
  });
});

test('an empty message says nothing', () => assert.equal(readMessage('channel.k8s.io', new Uint8Array()), undefined));
