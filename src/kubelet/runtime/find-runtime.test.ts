import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { dataPaths } from '../../config/index.ts';
import { FakeGrpcServer } from '../cri/testing.ts';
import { findRuntimeSocket } from './find-runtime.ts';

test('the named endpoint is found with or without its scheme, and nothing else is when it is dead', async () => {
  using server = new FakeGrpcServer();
  const paths = dataPaths(join(server.directory, 'data'));
  const find = (endpoint: string) => findRuntimeSocket({ endpoint, mode: 'auto', paths });
  assert.equal(await find(server.socketPath), undefined);
  await server.listen();
  for (const endpoint of [server.socketPath, `unix://${server.socketPath}`]) {
    assert.equal(await find(endpoint), server.socketPath);
  }
});
