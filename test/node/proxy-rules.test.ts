/** Services, node ports and host ports as packets see them: in a namespace, with pods that are namespaces too. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { endpointSlices, pods, services } from '../../src/client/index.ts';
import { silentLogger, systemClock } from '../../src/kernel/index.ts';
import { Nft } from '../../src/network/proxy/index.ts';
import { inOwnNamespace } from '../support/own-namespace.ts';
import { ask, askFrom, eventually, nodeIP, TestNetwork, type TestPod, type TestPort } from './network-support.ts';

const execute = promisify(execFile);
const http: TestPort[] = [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080, nodePort: 30080 }];
const clusterIP = '10.43.0.20';

inOwnNamespace(import.meta.url, () => {
  const network = new TestNetwork();
  let one: TestPod;
  let two: TestPod;

  before(async () => {
    await network.start();
    one = await network.addPod('one');
    two = await network.addPod('two');
    await network.setService('web', clusterIP, http, { type: 'NodePort' });
    await network.setEndpoints('web', http, [one.ip, two.ip]);
    await eventually(() => ask(clusterIP, 80), /one|two/);
  });

  after(() => network.dispose());

  const distinct = async (question: () => Promise<string>, times = 30): Promise<Set<string>> => {
    const answers = new Set<string>();
    for (let turn = 0; turn < times; turn++) answers.add((await question()).split(' ', 1)[0] ?? '');
    return answers;
  };

  test('a cluster IP leads to every endpoint, from the node and from pods', async () => {
    assert.deepEqual(await distinct(() => ask(clusterIP, 80)), new Set(['one', 'two']));
    assert.deepEqual(await distinct(() => askFrom(one, `TCP:${clusterIP}:80`), 20), new Set(['one', 'two']));
  });

  test('pods see who asks; a pod that reaches itself sees its node', async () => {
    const heard = new Set<string>();
    for (let turn = 0; turn < 20; turn++) heard.add(await askFrom(one, `TCP:${clusterIP}:80`));
    assert.deepEqual(heard, new Set([`two ${one.ip}`, 'one 10.42.0.1']));
  });

  test('node ports answer on every address of the node, 127.0.0.1 too, and for pods', async () => {
    for (const address of [nodeIP, '10.42.0.1', '127.0.0.1']) assert.match(await ask(address, 30080), /^(one|two) /);
    assert.match(await askFrom(two, `TCP:${nodeIP}:30080`), /^(one|two) /);
    assert.equal(await ask(nodeIP, 30081), 'ECONNREFUSED');
  });

  test('other ports of a cluster IP are refused at once', async () => {
    assert.equal(await ask(clusterIP, 81), 'ECONNREFUSED');
    assert.equal(await askFrom(one, `TCP:${clusterIP}:81`), 'Connection refused');
  });

  test('without endpoints every address of a Service is refused at once', async () => {
    await network.setService('none', '10.43.0.21', [{ ...http[0]!, nodePort: 30081 }], { type: 'NodePort' });
    await eventually(() => ask('10.43.0.21', 80), /ECONNREFUSED/);
    assert.equal(await askFrom(one, 'TCP:10.43.0.21:80'), 'Connection refused');
    assert.equal(await ask(nodeIP, 30081), 'ECONNREFUSED');
    assert.equal(await askFrom(one, `TCP:${nodeIP}:30081`), 'Connection refused');
    await network.setEndpoints('none', http, [two.ip]);
    await eventually(() => ask('10.43.0.21', 80), /two/);
    await eventually(() => ask(nodeIP, 30081), /two/);
    await network.client.delete(endpointSlices, 'none-a', { namespace: 'default' });
    await eventually(() => ask('10.43.0.21', 80), /ECONNREFUSED/);
    await network.client.delete(services, 'none', { namespace: 'default' });
  });

  test('several slices of a Service count together', async () => {
    await network.setService('slices', '10.43.0.22', http);
    await network.setEndpoints('slices', http, [one.ip], 'a');
    await network.setEndpoints('slices', http, [two.ip], 'custom');
    await eventually(() => ask('10.43.0.22', 80), /one/);
    await eventually(() => ask('10.43.0.22', 80), /two/);
  });

  test('affinity holds a client to its endpoint, until it is turned off', async () => {
    const affinity = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
    await network.setService('sticky', '10.43.0.23', http, affinity);
    await network.setEndpoints('sticky', http, [one.ip, two.ip]);
    await eventually(() => ask('10.43.0.23', 80), /one|two/);
    assert.equal((await distinct(() => ask('10.43.0.23', 80))).size, 1);
    assert.equal((await distinct(() => askFrom(two, 'TCP:10.43.0.23:80'), 15)).size, 1);
    await network.setService('sticky', '10.43.0.23', http);
    await eventually(async () => String((await distinct(() => ask('10.43.0.23', 80), 15)).size), /2/);
  });

  test('a flow of UDP goes on to another endpoint when its own has gone', async () => {
    const dns: TestPort[] = [{ name: 'udp', protocol: 'UDP', port: 5353, targetPort: 8080 }];
    await network.setService('udp', '10.43.0.24', dns);
    await network.setEndpoints('udp', dns, [one.ip]);
    const socket = createSocket('udp4');
    const askAgain = async (): Promise<string> => {
      socket.send('?', 5353, '10.43.0.24');
      const late = AbortSignal.timeout(500);
      return String((await once(socket, 'message', { signal: late }).catch(() => ['no answer']))[0]);
    };
    try {
      await eventually(askAgain, /one/);
      await network.setEndpoints('udp', dns, [two.ip]);
      await eventually(askAgain, /two/);
      assert.match(await askFrom(one, 'UDP:10.43.0.24:5353'), /two/);
    } finally {
      socket.close();
    }
  });

  test('one port number may be of TCP and of UDP', async () => {
    const both: TestPort[] = [
      { name: 'tcp', protocol: 'TCP', port: 53, targetPort: 8080 },
      { name: 'udp', protocol: 'UDP', port: 53, targetPort: 8080 },
    ];
    await network.setService('both', '10.43.0.25', both);
    await network.setEndpoints('both', both, [two.ip]);
    await eventually(() => ask('10.43.0.25', 53), /two/);
    assert.match(await askFrom(one, 'UDP:10.43.0.25:53'), /two/);
  });

  test('external addresses lead to the endpoints', async () => {
    await network.setService(
      'external',
      '10.43.0.26',
      http.map(({ nodePort: _, ...port }) => port),
      {
        externalIPs: ['192.0.2.77'],
      },
    );
    await network.setEndpoints('external', http, [one.ip]);
    await eventually(() => ask('192.0.2.77', 80), /one/);
    assert.match(await askFrom(two, 'TCP:192.0.2.77:80'), /one/);
  });

  test('ports of the node lead to pods, on all addresses or one, and back to the pod itself', async () => {
    await network.setPodPorts(one, [
      { containerPort: 8080, hostPort: 9090, protocol: 'TCP' },
      { containerPort: 8080, hostPort: 9091, hostIP: '127.0.0.1', protocol: 'TCP' },
    ]);
    await network.setPodPorts(two, [
      { containerPort: 8080, hostPort: 9091, hostIP: nodeIP, protocol: 'TCP' },
      { containerPort: 8080, hostPort: 9090, protocol: 'UDP' },
    ]);
    await eventually(() => ask(nodeIP, 9090), /one/);
    assert.match(await ask('127.0.0.1', 9090), /one/);
    assert.match(await ask('127.0.0.1', 9091), /one/);
    assert.match(await eventually(() => ask(nodeIP, 9091), /two/), /two/);
    assert.match(await askFrom(two, `TCP:${nodeIP}:9090`), new RegExp(`one ${two.ip}`));
    assert.match(await askFrom(one, `TCP:${nodeIP}:9090`), /one/);
    assert.match(await askFrom(one, `UDP:${nodeIP}:9090`), /two/);
    await network.client.delete(pods, 'one', { namespace: 'default' });
    await eventually(() => ask(nodeIP, 9090), /ECONNREFUSED/);
  });

  test('pods do not reach what the node serves on its loopback interface', async () => {
    const { createServer } = await import('node:net');
    const server = createServer((socket) => socket.end('secret')).listen(9300, '127.0.0.1');
    try {
      await execute('nsenter', [
        `--net=/run/netns/${one.namespace}`,
        'ip',
        'route',
        'add',
        '127.0.0.0/8',
        'via',
        '10.42.0.1',
        'table',
        '99',
      ]);
      await execute('nsenter', [
        `--net=/run/netns/${one.namespace}`,
        'ip',
        'rule',
        'add',
        'pref',
        '0',
        'to',
        '127.0.0.0/8',
        'table',
        '99',
      ]);
      assert.doesNotMatch(await askFrom(one, 'TCP:127.0.0.1:9300'), /secret/);
    } finally {
      server.close();
    }
  });

  test('nft’s refusals are told; a process of it that goes is replaced', async () => {
    const nft = new Nft(systemClock, silentLogger);
    const table = 'ip nanoshift-test';
    await nft.apply([`add table ${table}`]);
    await assert.rejects(nft.apply([`add chain ${table} one`, `add rule ${table} two accept`]), (error: Error) => {
      assert.match(`${error.name}: ${error.message}`, /^NetworkError: nft: .*No such file or directory.* \(add chain/);
      return true;
    });
    assert.equal(await nft.hasChain(table, 'one'), false);
    const { stdout } = await execute('pgrep', ['-P', String(process.pid), '-x', 'nft']);
    const pid = Number(stdout.trim().split('\n').at(-1));
    process.kill(pid, 'SIGKILL');
    await eventually(async () => (existsSync(`/proc/${pid}`) ? 'there' : 'gone'), /gone/);
    await nft.apply([`add chain ${table} one`]);
    assert.equal(await nft.hasChain(table, 'one'), true);
    const long = Array.from({ length: 500 }, (_, index) => `add chain ${table} a-chain-with-a-long-name-${index}`);
    await nft.apply(long);
    await assert.rejects(nft.applyAll([`add rule ${table} two accept`]), /NetworkError|No such file/);
    await nft.apply([`delete table ${table}`]);
    nft.stop();
  });

  test('rules stay when the network stops, and come back when someone has removed them', async () => {
    await network.stop();
    assert.match(await ask(clusterIP, 80), /one|two/);
    await execute('nft', ['flush', 'ruleset']);
    await network.start();
    await eventually(() => ask(clusterIP, 80), /one|two/);
  });

  test('five hundred Services come in quickly, and one change is quick among them', async (context) => {
    const ports: TestPort[] = [{ name: 'http', protocol: 'TCP', port: 80, targetPort: 8080 }];
    const beganMs = performance.now();
    for (let number = 0; number < 500; number++) {
      const address = `10.43.${1 + Math.floor(number / 250)}.${1 + (number % 250)}`;
      await network.setService(`many-${number}`, address, ports);
      await network.setEndpoints(`many-${number}`, ports, [one.ip, two.ip]);
    }
    await eventually(() => ask('10.43.2.250', 80), /one|two/);
    context.diagnostic(`500 Services x 2 endpoints: ${Math.round(performance.now() - beganMs)} ms`);
    const changes: number[] = [];
    for (let turn = 0; turn < 10; turn++) {
      const [only = one, wanted = ''] = turn % 2 ? [one, 'one'] : [two, 'two'];
      await new Promise((resolve) => setTimeout(resolve, 150));
      const changedMs = performance.now();
      await network.setEndpoints('many-7', ports, [only.ip]);
      await eventually(() => ask('10.43.1.8', 80), new RegExp(wanted));
      changes.push(performance.now() - changedMs);
    }
    context.diagnostic(`one change among them: ${changes.map((ms) => Math.round(ms)).join(' ')} ms`);
    assert.ok(Math.min(...changes) < 500);
    await network.stop();
    const restartMs = performance.now();
    await network.start();
    context.diagnostic(`all of them at a start: ${Math.round(performance.now() - restartMs)} ms`);
  });

  test('cleaning up leaves nothing', async () => {
    await network.dispose();
    const { stdout: rules } = await execute('nft', ['list', 'ruleset']);
    assert.doesNotMatch(rules, /nanoshift/);
    const { stdout: addresses } = await execute('ip', ['address']);
    assert.doesNotMatch(addresses, /nsbr0|10\.4[234]\./);
    await network.dispose();
  });
});
