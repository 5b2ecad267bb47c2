/** Every bound has a defined answer: 429 with Retry-After, 413, 431, a cut stream; and what is within bounds goes on. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { after, before, describe, test } from 'node:test';
import { accountClient } from '../support/account.ts';
import { type Answer, type HttpClient, httpClient } from '../support/http.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const bounds = {
  inFlightReads: 4,
  inFlightWrites: 3,
  watches: 80,
  watcherQueueKib: 64,
  watcherQueueEvents: 10,
  pendingWrites: 20,
};
const configMaps = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };

for (const front of ['uws', 'node'] as const) {
  describe(front, () => {
    let server: RunningServer;
    let admin: HttpClient;
    let user: HttpClient;
    before(async () => {
      server = await startServer({ front, profile: bounds });
      admin = httpClient(server.kubeconfig);
      user = await accountClient(admin, server.kubeconfig, 'user', 'cluster-admin');
    });
    after(async () => {
      admin.close();
      user.close();
      assert.equal(await server.stop(), 0);
    });

    const isTooMany = (answer: Answer): void => {
      assert.equal(answer.status, 429, answer.text);
      assert.equal(answer.headers['retry-after'], '1');
    };
    const stream = async (path: string): Promise<IncomingMessage> => {
      const [response] = (await once(admin.open({ path }).end(), 'response')) as [IncomingMessage];
      return response.on('error', () => {});
    };
    const put = (name: string, data: object, send = admin): Promise<Answer> =>
      send({
        method: 'PUT',
        path: `${configMaps}/${name}`,
        headers: json,
        body: JSON.stringify({ metadata: { name }, data }),
      });
    const create = (name: string, data: object = {}, send = admin): Promise<Answer> =>
      send({ method: 'POST', path: configMaps, headers: json, body: JSON.stringify({ metadata: { name }, data }) });

    test('reads beyond the limit are sent away, writes are not, nor administrators and probes', async () => {
      // A list that is to be as new as a revision to come waits for it.
      const waiting = `${configMaps}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan`;
      const held: Promise<Answer>[] = [];
      let refused: Answer;
      do {
        held.push(user({ path: waiting }));
        refused = await user({ path: configMaps });
      } while (refused.status === 200);
      isTooMany(refused);
      assert.equal((await create('beside-reads', {}, user)).status, 201);
      assert.equal((await admin({ path: configMaps })).status, 200);
      const anonymous = httpClient(server.kubeconfig, '');
      assert.equal((await anonymous({ path: '/readyz' })).status, 200);
      anonymous.close();
      const codes = (await Promise.all(held)).map(({ status }) => status);
      assert.equal(codes.filter((code) => code === 504).length, bounds.inFlightReads, String(codes));
      assert.equal((await user({ path: configMaps })).status, 200);
    });

    test('writes beyond the limit are sent away, reads are not', async () => {
      const headers = { ...json, 'content-length': '100' };
      const held: ClientRequest[] = [];
      let refused: Answer;
      do {
        const begun = user.open({ method: 'POST', path: configMaps, headers });
        begun.write('{');
        held.push(begun);
        refused = await create(`beside-${held.length}`, {}, user);
      } while (refused.status === 201);
      isTooMany(refused);
      assert.equal((await user({ path: configMaps })).status, 200);
      for (const each of held) each.destroy();
      let after = await create('after', {}, user);
      while (after.status === 429) after = await create('after', {}, user);
      assert.equal(after.status, 201, after.text);
    });

    test('watches beyond the limit are sent away', async () => {
      const path = `${configMaps}?watch=1`;
      const open = await Promise.all(Array.from({ length: bounds.watches }, () => stream(path)));
      assert.deepEqual([...new Set(open.map(({ statusCode }) => statusCode))], [200]);
      isTooMany(await admin({ path }));
      for (const each of open) each.destroy();
      let again = await stream(path);
      while (again.statusCode === 429) again = await stream(path);
      assert.equal(again.statusCode, 200);
      again.destroy();
    });

    test('a watcher that does not read is cut off; others see everything', async () => {
      await create('big');
      const { metadata } = (await admin({ path: `${configMaps}/big` })).json as unknown as {
        metadata: { resourceVersion: string };
      };
      const path = `${configMaps}?watch=1&fieldSelector=metadata.name%3Dbig&resourceVersion=${metadata.resourceVersion}`;
      const [slow, fast] = [await stream(path), await stream(path)];
      let fastBytes = 0;
      fast.on('data', (chunk: Buffer) => (fastBytes += chunk.length));
      const payload = 'x'.repeat(900_000);
      let written = 0;
      while (!server.output().includes('watcher fell behind and was cut off')) {
        assert.ok(written < 100, 'the slow watcher is still there after 90 MB');
        const answer = await put('big', { payload, written: String(written++) });
        assert.equal(answer.status, 200, answer.text);
      }
      let slowBytes = 0;
      slow.on('data', (chunk: Buffer) => (slowBytes += chunk.length));
      const [error] = (await once(slow, 'error')) as [NodeJS.ErrnoException];
      assert.equal(error.code, 'ECONNRESET');
      assert.ok(slowBytes < written * payload.length);
      while (fastBytes < written * payload.length) await once(fast, 'data');
      fast.destroy();
    });

    test('a body over the limit is refused, with and without a stated length', async () => {
      const body = JSON.stringify({ metadata: { name: 'long' }, data: { k: 'x'.repeat(3 << 20) } });
      for (const headers of [json, { ...json, 'transfer-encoding': 'chunked' }] as Record<string, string>[]) {
        const answer = await admin({ method: 'POST', path: configMaps, headers, body });
        assert.equal(answer.status, 413, answer.text);
        assert.equal(answer.json.reason, 'RequestEntityTooLarge');
      }
    });

    test('a header over the limit is 431', async () => {
      const answer = await admin({ path: configMaps, headers: { 'x-long': 'x'.repeat(70_000) } });
      assert.equal(answer.status, 431);
    });

    test('writes beyond those that may wait for the disk are sent away, and only those', async () => {
      const states = new Map<string, number>();
      for (let round = 0; ![...states.values()].includes(429); round++) {
        assert.ok(round < 20, 'the queue was never full');
        const names = Array.from({ length: 200 }, (_, i) => `burst-${round}-${i}`);
        const answers = await Promise.all(names.map((name) => create(name)));
        for (const [index, answer] of answers.entries()) {
          states.set(names[index]!, answer.status);
          if (answer.status === 201) continue;
          isTooMany(answer);
          assert.equal(answer.json.reason, 'TooManyRequests');
          assert.match(String(answer.json.message), /writes are waiting for the disk; please try again later/);
        }
      }
      const list = (await admin({ path: configMaps })).json['items'] as { metadata: { name: string } }[];
      const stored = new Set(list.map((item) => item.metadata.name));
      for (const [name, status] of states) assert.equal(stored.has(name), status === 201, name);
    });

    test('connections beyond the limit are closed', async () => {
      const limit = bounds.watches + 4 * (bounds.inFlightReads + bounds.inFlightWrites);
      const asked = Array.from({ length: limit + 20 }, async () => {
        const one = httpClient(server.kubeconfig);
        const answer = await one({ path: '/version' }).catch(() => undefined);
        return answer && one;
      });
      const clients = await Promise.all(asked);
      const served = clients.filter((client) => client !== undefined).length;
      assert.ok(served > 0 && served <= limit, `${served} connections of ${clients.length} were served`);
      for (const client of clients) client?.close();
      let version = await admin({ path: '/version' }).catch(() => undefined);
      while (!version) version = await admin({ path: '/version' }).catch(() => undefined);
      assert.equal(version.status, 200);
    });
  });
}
