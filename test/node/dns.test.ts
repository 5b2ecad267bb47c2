/** DNS as resolvers see it: Debian's dig and Node's own, over UDP and TCP, with a server of other names behind it. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { queryBytes } from '../../src/network/dns/testing.ts';
import { encodeReply, parseQuery, type Reply } from '../../src/network/dns/wire.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { dnsIP, eventually, TestNetwork, type TestPod, type TestPort } from './network-support.ts';

const execute = promisify(execFile);
const skip = existsSync('/usr/bin/dig') ? false : 'needs dig (Debian: bind9-dnsutils)';

const web: TestPort[] = [
  { name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 },
  { name: 'metrics', protocol: 'TCP', port: 9100, targetPort: 9100 },
];

const dig = async (...args: string[]): Promise<string> =>
  (await execute('dig', [`@${dnsIP}`, '+tries=1', '+time=10', ...args])).stdout.trim();

/** Sorted lines of an answer. */
const short = async (...args: string[]): Promise<string[]> =>
  (await dig('+short', ...args)).split('\n').filter(Boolean).sort();

const status = async (...args: string[]): Promise<string> =>
  /status: (\w+)/.exec(await dig(...args))?.[1] ?? 'no status';

/** The flags of the answer with this id. */
const dnsAnswer = (socket: Socket, query: Buffer, id: number): Promise<number> =>
  new Promise((resolve) => {
    socket.on('message', (message) => message.readUInt16BE(0) === id && resolve(message.readUInt16BE(2)));
    socket.send(query, 53, dnsIP);
  });

/** A server of other names on 127.0.0.2: `many` has more addresses than fit a datagram. */
async function serveOthers(): Promise<{ asked: string[]; close(): void }> {
  const asked: string[] = [];
  const answer = (message: Buffer, transport: string): Buffer | undefined => {
    const query = parseQuery(message);
    if (!query || 'rcode' in query) return undefined;
    const name = query.labels.join('.');
    asked.push(`${transport} ${name}`);
    if (name === 'silent.example') return undefined;
    const count = { 'one.example': 1, 'two.example': 1, 'many.example': 100 }[name] ?? 0;
    const reply: Reply = {
      rcode: count ? 0 : 3,
      authoritative: false,
      answers: Array.from({ length: query.type === 1 ? count : 0 }, (_, index) => ({
        ...{ name, ttlSeconds: 60 },
        data: { type: 'A', address: `198.51.100.${index}` },
      })),
      authority: [],
      additional: [],
    };
    return encodeReply(query, reply, transport === 'udp' ? (query.edns?.payloadBytes ?? 512) : 65_535);
  };
  const udp = createSocket('udp4').bind(53, '127.0.0.2');
  udp.on('message', (message, from) => {
    const bytes = answer(message, 'udp');
    if (bytes) udp.send(bytes, from.port, from.address);
  });
  const tcp = createServer((socket) => {
    socket.once('data', (message) => {
      const bytes = answer(message.subarray(2), 'tcp');
      if (bytes) socket.end(Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes]));
    });
  }).listen(53, '127.0.0.2');
  await once(tcp, 'listening');
  return {
    asked,
    close() {
      udp.close();
      tcp.close();
    },
  };
}

inOwnNamespace(import.meta.url, () => {
  const network = new TestNetwork();
  let pod: TestPod;
  let others: Awaited<ReturnType<typeof serveOthers>>;

  before(async () => {
    others = await serveOthers();
    await network.start();
    await writeFile(network.options.resolvConf!, `nameserver ${dnsIP}\nnameserver 127.0.0.3\nnameserver 127.0.0.2\n`);
    pod = await network.addPod('one');
    await network.setService('web', '10.43.0.20', web);
    await network.setService('peers', 'None', web);
    await network.setEndpoints('peers', web, ['10.42.0.50', '10.42.0.51']);
    await network.setService('named', 'None', web);
    await network.setEndpoints('named', web, [{ address: '10.42.0.60', hostname: 'named-0' }]);
    await network.setService('elsewhere', '', [], { type: 'ExternalName', externalName: 'One.example' });
    await network.setService('alias', '', [], {
      type: 'ExternalName',
      externalName: 'web.default.svc.cluster.local',
    });
    await eventually(() => dig('+short', 'alias.default.svc.cluster.local'), /10\.43\.0\.20/);
  });

  after(async () => {
    others.close();
    await network.dispose();
  });

  for (const transport of ['+notcp', '+tcp']) {
    test(`Services and their ports have names (${transport})`, { skip }, async () => {
      assert.deepEqual(await short(transport, 'web.default.svc.cluster.local', 'A'), ['10.43.0.20']);
      assert.deepEqual(await short(transport, 'WEB.Default.svc.cluster.local.', 'A'), ['10.43.0.20']);
      assert.deepEqual(await short(transport, '_http._tcp.web.default.svc.cluster.local', 'SRV'), [
        '0 100 80 web.default.svc.cluster.local.',
      ]);
      assert.deepEqual(await short(transport, '-x', '10.43.0.20'), ['web.default.svc.cluster.local.']);
      assert.deepEqual(await short(transport, 'dns-version.cluster.local', 'TXT'), ['"1.1.0"']);
      assert.deepEqual(await short(transport, '10-42-0-7.default.pod.cluster.local', 'A'), ['10.42.0.7']);
    });
  }

  test('headless Services have the addresses of their ready endpoints, and a name for each', { skip }, async () => {
    assert.deepEqual(await short('peers.default.svc.cluster.local'), ['10.42.0.50', '10.42.0.51']);
    assert.deepEqual(await short('10-42-0-51.peers.default.svc.cluster.local'), ['10.42.0.51']);
    assert.deepEqual(await short('named-0.named.default.svc.cluster.local'), ['10.42.0.60']);
    assert.deepEqual(await short('-x', '10.42.0.60'), ['named-0.named.default.svc.cluster.local.']);
    const srv = await dig('_http._tcp.named.default.svc.cluster.local', 'SRV');
    assert.match(srv, /SRV\s+0 100 8080 named-0\.named\.default\.svc\.cluster\.local\./);
    assert.match(srv, /ADDITIONAL SECTION:\nnamed-0\.named\.default\.svc\.cluster\.local\. 5 IN\s+A\s+10\.42\.0\.60/);
    await network.setEndpoints('named', web, [{ address: '10.42.0.60', conditions: { ready: false } }]);
    await eventually(() => status('named.default.svc.cluster.local'), /NXDOMAIN/);
  });

  test('names that are not there, and types that a name has not, come with the zone', { skip }, async () => {
    const missing = await dig('nothing.default.svc.cluster.local');
    assert.match(missing, /status: NXDOMAIN/);
    assert.match(missing, /cluster\.local\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\./);
    const v6 = await dig('web.default.svc.cluster.local', 'AAAA');
    assert.match(v6, /status: NOERROR[\s\S]*ANSWER: 0, AUTHORITY: 1/);
    assert.match(v6, /flags: qr aa rd ra;/);
    assert.equal(await status('default.svc.cluster.local'), 'NOERROR');
    assert.equal(await status('one.example.default.svc.cluster.local'), 'NXDOMAIN');
    assert.equal(await status('-x', '10.43.99.99'), 'NXDOMAIN');
  });

  test('an ExternalName is an alias, and its end is looked up', { skip }, async () => {
    assert.deepEqual(await short('elsewhere.default.svc.cluster.local', 'CNAME'), ['one.example.']);
    assert.deepEqual(await short('elsewhere.default.svc.cluster.local', 'A'), ['198.51.100.0', 'one.example.']);
    assert.deepEqual(await short('alias.default.svc.cluster.local', 'A'), [
      '10.43.0.20',
      'web.default.svc.cluster.local.',
    ]);
  });

  test('other names are asked of the host’s servers, once while the answer holds', { skip }, async () => {
    others.asked.length = 0;
    assert.deepEqual(await short('TWO.example'), ['198.51.100.0']);
    assert.deepEqual(await short('two.example'), ['198.51.100.0']);
    assert.deepEqual(
      others.asked.filter((line) => line.includes('two.example')),
      ['udp two.example'],
    );
    assert.equal(await status('gone.example'), 'NXDOMAIN');
  });

  test('an answer that is too long for a datagram comes by TCP', { skip }, async () => {
    assert.equal((await short('many.example')).length, 100);
    assert.ok(others.asked.includes('tcp many.example'));
    const short512 = await dig('+noedns', '+ignore', 'many.example');
    assert.match(short512, /flags: qr[^;]* tc/);
  });

  test('a server that does not answer costs its clients no other name', { skip }, async () => {
    const silent = execute('dig', [`@${dnsIP}`, '+tries=1', '+time=1', 'silent.example']).catch(() => undefined);
    assert.deepEqual(await short('web.default.svc.cluster.local'), ['10.43.0.20']);
    await silent;
  });

  test('questions to other servers are bounded; above, they are refused', async () => {
    const socket = createSocket('udp4');
    const refused = Promise.withResolvers<number>();
    let count = 0;
    socket.on('message', (message) => {
      if ((message.readUInt16BE(2) & 0xf) !== 5) return;
      if (++count === 50) refused.resolve(count);
    });
    for (let id = 0; id < 150; id++) socket.send(queryBytes(`silent.example`, { id }), 53, dnsIP);
    assert.equal(await refused.promise, 50);
    assert.equal((await dnsAnswer(socket, queryBytes('web.default.svc.cluster.local', { id: 999 }), 999)) & 0xf, 0);
    socket.close();
  });

  test('pods reach it, and so does the resolver of Node', async () => {
    const script = `const r = new (require('dns').promises.Resolver)({timeout: 10000, tries: 1}); r.setServers(['${dnsIP}']);
      r.resolve4('web.default.svc.cluster.local').then((a) => console.log(String(a)));`;
    const { stdout } = await execute('nsenter', [`--net=/run/netns/${pod.namespace}`, process.execPath, '-e', script]);
    assert.equal(stdout.trim(), '10.43.0.20');
    const resolver = new Resolver({ timeout: 10_000, tries: 1 });
    resolver.setServers([dnsIP]);
    assert.deepEqual(await resolver.reverse('10.43.0.20'), ['web.default.svc.cluster.local']);
    assert.equal((await resolver.resolveSrv('_http._tcp.peers.default.svc.cluster.local')).length, 2);
  });

  test('a thousand questions a second leave most of the second over', async (context) => {
    const resolver = new Resolver({ timeout: 10_000, tries: 1 });
    resolver.setServers([dnsIP]);
    const cpu = process.cpuUsage();
    const beganMs = performance.now();
    const latencies: number[] = [];
    for (let batch = 0; batch < 100; batch++) {
      const dueMs = beganMs + batch * 10;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, dueMs - performance.now())));
      const question = async (): Promise<void> => {
        const askedMs = performance.now();
        await resolver.resolve4('web.default.svc.cluster.local');
        latencies.push(performance.now() - askedMs);
      };
      await Promise.all(Array.from({ length: 10 }, question));
    }
    latencies.sort((a, b) => a - b);
    const { user, system } = process.cpuUsage(cpu);
    const tookMs = performance.now() - beganMs;
    context.diagnostic(
      `1,000 questions in ${Math.round(tookMs)} ms: p50 ${latencies[500]?.toFixed(2)} ms, p99 ${latencies[990]?.toFixed(2)} ms, ` +
        `CPU of client and server ${Math.round((user + system) / 1_000)} ms`,
    );
    assert.equal(latencies.length, 1_000);
  });
});
