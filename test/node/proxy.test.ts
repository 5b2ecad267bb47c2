import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { type RunningPod, StreamNode, streamPrograms } from './streaming-support.ts';

const page = '<html><a href="/other">other</a><img src=picture.png></html>';
const script = `
  mkdir -p /www/cgi-bin; cd /www
  echo '${page}' > index.html; echo foo > foo; head -c 20000000 /dev/zero > big
  printf '#!/bin/sh\\nprintf "Content-Type: text/plain\\\\r\\\\n\\\\r\\\\n"; wc -c\\n' > cgi-bin/count; chmod +x cgi-bin/count
  printf '#!/bin/sh\\nprintf "Status: 302 Found\\\\r\\\\nLocation: /foo\\\\r\\\\n\\\\r\\\\n"\\n' > cgi-bin/move; chmod +x cgi-bin/move
  httpd -f -p 8080 -h /www`;

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

inOwnNamespace(
  import.meta.url,
  () => {
    let node: StreamNode;
    let pod: RunningPod;
    before(async () => {
      node = await StreamNode.start();
      pod = await node.runPod({ containers: { main: script }, port: 8080 });
      const core = '/api/v1/namespaces/default';
      await node.cluster.ask('POST', `${core}/services`, {
        body: {
          apiVersion: 'v1',
          kind: 'Service',
          metadata: { name: 'web' },
          spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80, targetPort: 8080 }] },
        },
      });
      const targetRef = { kind: 'Pod', namespace: 'default', name: pod.name };
      await node.cluster.ask('POST', `${core}/endpoints`, {
        body: {
          apiVersion: 'v1',
          kind: 'Endpoints',
          metadata: { name: 'web' },
          subsets: [{ addresses: [{ ip: pod.ip, targetRef }], ports: [{ name: 'http', port: 8080 }] }],
        },
      });
      const path = `/api/v1/namespaces/default/pods/${pod.name}/proxy/foo`;
      while ((await node.cluster.ask('GET', path)).status !== 200)
        await new Promise((resolve) => setTimeout(resolve, 20));
    });
    after(() => node.stop());
    for (const adapter of ['uws', 'node'] as const) {
      describe(`proxy over ${adapter}`, () => {
        const ask = (path: string, method = 'GET', body?: Uint8Array): Promise<Answer> => {
          const { port } = node.fronts.find((one) => one.adapter === adapter)!;
          return new Promise((resolve, reject) => {
            const url = `https://127.0.0.1:${port}/api/v1/namespaces/default/${path}`;
            const outgoing = httpsRequest(url, { method, agent: false, rejectUnauthorized: false }, async (answer) => {
              resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) });
            });
            outgoing.on('error', reject);
            outgoing.end(body);
          });
        };

        test('a pod, its first port or another, with addresses in its page rewritten', async () => {
          for (const name of [pod.name, `${pod.name}:8080`, `http:${pod.name}:8080`]) {
            const { status, body } = await ask(`pods/${name}/proxy/`);
            const prefix = `/api/v1/namespaces/default/pods/${name}/proxy`;
            assert.equal(status, 200);
            assert.equal(body.toString(), `${page.replace('/other', `${prefix}/other`)}\n`);
          }
        });

        test('a service by port name and by number', async () => {
          for (const name of ['web:http', 'web:80', 'http:web:http']) {
            assert.equal((await ask(`services/${name}/proxy/foo`)).body.toString(), 'foo\n', name);
          }
          const { status, body } = await ask('services/web:81/proxy/foo');
          assert.equal(status, 503);
          assert.match(body.toString(), /no service port 81 found for service \\"web\\"/);
        });

        test('the bare path is led to the one with a slash; a redirect stays inside', async () => {
          const bare = await ask(`pods/${pod.name}/proxy?a=b`);
          assert.deepEqual(
            [bare.status, bare.headers.location],
            [301, `/api/v1/namespaces/default/pods/${pod.name}/proxy/?a=b`],
          );
          const moved = await ask(`pods/${pod.name}/proxy/cgi-bin/move`);
          assert.deepEqual(
            [moved.status, moved.headers.location],
            [302, `/api/v1/namespaces/default/pods/${pod.name}/proxy/foo`],
          );
        });

        test('20 MB down, 20 MB up', async () => {
          assert.equal((await ask(`pods/${pod.name}/proxy/big`)).body.length, 20_000_000);
          const { body } = await ask(`pods/${pod.name}/proxy/cgi-bin/count`, 'POST', randomBytes(20_000_000));
          assert.equal(body.toString().trim(), '20000000');
        });

        test('nobody there', async () => {
          const { status, body } = await ask(`pods/${pod.name}:81/proxy/`);
          assert.equal(status, 503);
          assert.match(
            body.toString(),
            /error trying to reach service: dial tcp [\d.]+:81: connect: connection refused/,
          );
          assert.equal((await ask('pods/none/proxy/')).status, 404);
          assert.match((await ask('pods/a:b:c:d/proxy/')).body.toString(), /invalid pod request \\"a:b:c:d\\"/);
        });
      });
    }
  },
  streamPrograms,
);
