import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '../../kernel/index.ts';
import { parseResolvConf, ResolvConf } from './resolv-conf.ts';

test('the first three servers count, of either family', () => {
  const text = [
    '# nameserver 192.0.2.9',
    'search example.com',
    'nameserver 192.0.2.1',
    '  nameserver\t2001:db8::1',
    'nameserver fe80::1%eth0',
    'nameserver not-an-address',
    'nameserver 192.0.2.4',
  ].join('\n');
  assert.deepEqual(parseResolvConf(text), ['192.0.2.1', '2001:db8::1', 'fe80::1%eth0']);
});

test('a file that changes is read again, after a while; our own address is none to ask', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ns-resolv-'));
  const path = join(folder, 'resolv.conf');
  const clock = new ManualClock();
  try {
    const file = new ResolvConf(path, clock, ['10.43.0.10']);
    assert.deepEqual(await file.servers(), []);
    await writeFile(path, 'nameserver 10.43.0.10\nnameserver 192.0.2.1\n');
    assert.deepEqual(await file.servers(), []);
    clock.advance(5_000);
    assert.deepEqual(await file.servers(), ['192.0.2.1']);
    await rm(path);
    clock.advance(5_000);
    assert.deepEqual(await file.servers(), ['192.0.2.1']);
  } finally {
    await rm(folder, { recursive: true });
  }
});
