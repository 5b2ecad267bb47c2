import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startError } from './command.ts';

test('a program that is not there is told with its package', () => {
  const { name, message } = startError('nft', Object.assign(new Error('spawn nft ENOENT'), { code: 'ENOENT' }));
  assert.equal(`${name}: ${message}`, 'NetworkError: cannot run nft: not found (Debian: apt install nftables)');
});
