// Decisions, messages and victims against a stock kube-scheduler that serves the same server: random nodes and pods.
//   KUBE_SCHEDULER=/path/to/kube-scheduler node --test test/node/scheduler-upstream.test.ts
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { ClusterState } from '../../src/scheduler/cluster-state.ts';
import { describeFit } from '../../src/scheduler/fit-error.ts';
import { schedulePass } from '../../src/scheduler/pass.ts';
import { podInfo } from '../../src/scheduler/pod-info.ts';
import { planPreemption } from '../../src/scheduler/preemption.ts';
import { container, makePod } from '../../src/scheduler/testing.ts';
import { app, node, podSpec } from '../../src/scheduler/testing-arbitraries.ts';
import type { Namespace, Node, Pod, PodSpec, Service } from '../../src/schema/generated/index.ts';
import { createWasmScoring } from '../../src/wasm/index.ts';
import { apiRequest } from '../support/api-request.ts';
import { type RunningServer, startServer } from '../support/server.ts';

const binary = process.env['KUBE_SCHEDULER'];
const rounds = Number(process.env['ROUNDS'] ?? 6);
const podsPerRound = 12;
const seed = Number(process.env['SEED'] ?? 1);
const schedulerName = 'upstream';
/** For the other scheduler to see what has changed. */
const settleMs = 250;

/** What random pods do not have. */
const special: readonly [Partial<PodSpec>, string][] = [
  [{ volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'missing' } }] }, 'web'],
  [{ priority: 6, nodeSelector: { zone: 'nowhere' } }, 'web'],
  [{ containers: [container({ cpu: '100', memory: '1Ti' })] }, 'web'],
  [{ affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: conflicting() } } }, 'web'],
  [
    {
      initContainers: [
        { ...container({ cpu: '3' }, 'first'), restartPolicy: 'Always' },
        container({ cpu: '2' }, 'second'),
      ],
    },
    'web',
  ],
];

function conflicting() {
  const is = (name: string) => ({ key: 'metadata.name', operator: 'In' as const, values: [name] });
  return { nodeSelectorTerms: [{ matchFields: [is('n1'), is('n2')] }] };
}

interface Decision {
  /** Where the pod may go: all that are equally good. */
  nodes: Set<string>;
  message: string;
  /** Nodes that others would have to leave for it. */
  nominated: Set<string>;
}

test('a stock scheduler decides the same and says the same', {
  skip: !binary && 'KUBE_SCHEDULER is not set',
}, async () => {
  const server = await startServer();
  const child = startStock(server);
  const ask = <T>(method: string, path: string, body?: unknown) =>
    apiRequest(server.kubeconfig, method, path, body) as Promise<T>;
  try {
    for (const [name, value, preemptionPolicy] of [
      ['low', 0, 'PreemptLowerPriority'],
      ['high', 5, 'PreemptLowerPriority'],
      ['polite', 6, 'Never'],
    ] as const) {
      const metadata = { name };
      await ask('POST', '/apis/scheduling.k8s.io/v1/priorityclasses', {
        metadata,
        value,
        preemptionPolicy,
        apiVersion: 'scheduling.k8s.io/v1',
        kind: 'PriorityClass',
      });
    }
    const ports = [{ port: 80 }];
    const service = { metadata: { name: 'web' }, spec: { selector: { app: 'web' }, ports } };
    await ask('POST', '/api/v1/namespaces/default/services', { apiVersion: 'v1', kind: 'Service', ...service });
    let [placed, refused, preempting, unique] = [0, 0, 0, 0];
    for (let round = 0; round < rounds; round++) {
      await setUp(ask, seed * 1_000 + round);
      const random = fc.sample(fc.tuple(podSpec, app), { numRuns: podsPerRound, seed: seed * 1_000 + round });
      for (const [i, [spec, value]] of [...(round === 0 ? special : []), ...random].entries()) {
        const name = `r${round}-${i}`;
        const expected = await expectation(ask, podOf(name, spec, value, ''));
        const made = await ask<Pod>('POST', '/api/v1/namespaces/default/pods', podOf(name, spec, value, schedulerName));
        const decided = await decision(ask, made);
        const context = JSON.stringify({ seed, round, spec: made.spec, nodes: [...expected.nodes] });
        if (decided.spec?.nodeName) {
          placed++;
          if (expected.nodes.size === 1) unique++;
          assert.ok(
            expected.nodes.has(decided.spec.nodeName),
            `${decided.spec.nodeName}: ${expected.message} ${context}`,
          );
        } else {
          refused++;
          const condition = decided.status?.conditions?.find(({ type }) => type === 'PodScheduled');
          assert.equal(condition?.message, expected.message, context);
        }
        await ask('DELETE', `/api/v1/namespaces/default/pods/${name}?gracePeriodSeconds=0`);
        const nominated = decided.status?.nominatedNodeName;
        if (nominated || expected.nominated.size > 0) {
          preempting++;
          assert.ok(expected.nominated.has(nominated ?? ''), `${nominated}: ${[...expected.nominated]} ${context}`);
          // Its victims are going: begin anew.
          break;
        }
        await sleep(settleMs / 5);
      }
    }
    console.log({ placed, unique, refused, preempting });
  } finally {
    child.kill('SIGTERM');
    await server.stop();
  }
});

type Ask = <T>(method: string, path: string, body?: unknown) => Promise<T>;

const classOf = (priority = 0): string => (priority === 6 ? 'polite' : priority > 0 ? 'high' : 'low');

function podOf(name: string, spec: Partial<PodSpec>, value: string, scheduler: string): Pod {
  const { priority, ...rest } = spec;
  const pod = makePod(name, { ...rest, schedulerName: scheduler || 'nobody', priorityClassName: classOf(priority) });
  delete pod.metadata.uid;
  pod.metadata.labels = { app: value };
  return { apiVersion: 'v1', kind: 'Pod', ...pod };
}

/** Other nodes, with pods on them. */
async function setUp(ask: Ask, of: number): Promise<void> {
  await ask('DELETE', '/api/v1/namespaces/default/pods?gracePeriodSeconds=0');
  await ask('DELETE', '/api/v1/nodes');
  const sampled = fc.sample(node, { numRuns: 7, seed: of });
  const wanted = new Map(sampled.map((one) => [one.metadata.name!, one]));
  for (const { metadata, spec, status } of wanted.values()) {
    const { uid: _, ...rest } = metadata;
    const made = await ask<Node>('POST', '/api/v1/nodes', { apiVersion: 'v1', kind: 'Node', metadata: rest, spec });
    await ask('PATCH', `/api/v1/nodes/${metadata.name}`, { spec: { taints: spec?.taints ?? null } });
    const conditions = [{ type: 'Ready', status: 'True', lastHeartbeatTime: new Date().toISOString() }];
    const capacity = status?.allocatable;
    await ask('PATCH', `/api/v1/nodes/${made.metadata.name}/status`, { status: { ...status, capacity, conditions } });
  }
  const names = [...wanted.keys()];
  for (const [i, [spec, value]] of fc.sample(fc.tuple(podSpec, app), { numRuns: 10, seed: of + 500 }).entries()) {
    const pod = podOf(`old-${i}`, spec, value, '');
    pod.spec!.nodeName = names[i % names.length]!;
    await ask('POST', '/api/v1/namespaces/default/pods', pod).catch(() => {});
  }
  await sleep(settleMs);
}

/** What we would do. */
async function expectation(ask: Ask, object: Pod): Promise<Decision> {
  const state = new ClusterState({ scoring: createWasmScoring, pendingPods: 100, nowMs: () => 0 });
  const list = async <T>(path: string): Promise<T[]> => (await ask<{ items: T[] }>('GET', path)).items;
  for (const one of await list<Namespace>('/api/v1/namespaces')) state.namespaceChanged(one);
  for (const one of await list<Node>('/api/v1/nodes')) state.nodeChanged(one);
  for (const one of await list<Pod>('/api/v1/pods')) state.podChanged(one);
  for (const one of await list<Service>('/api/v1/services')) state.selectors.setService(one);
  // With what the server adds.
  const dry = await ask<Pod>('POST', '/api/v1/namespaces/default/pods?dryRun=All', object);
  const pod = podInfo(dry);
  const expected: Decision = { nodes: new Set(), message: '', nominated: new Set() };
  for (let attempt = 0; attempt < 60; attempt++) {
    const random = (): number => (attempt + 0.5) / 60;
    const result = schedulePass(pod, state, { start: 0, random });
    if (result.node !== undefined) {
      expected.nodes.add(result.node);
      continue;
    }
    const plan = planPreemption(result.cycle, result.fitError, state, [], random);
    expected.message = describeFit(result.fitError);
    if (plan.node === undefined) expected.message += ` ${plan.message}`;
    else expected.nominated.add(plan.node);
  }
  return expected;
}

async function decision(ask: Ask, { metadata }: Pod): Promise<Pod> {
  for (let attempt = 0; attempt < 400; attempt++) {
    const pod = await ask<Pod>('GET', `/api/v1/namespaces/default/pods/${metadata.name}`);
    if (pod.spec?.nodeName || pod.status?.conditions?.some(({ type }) => type === 'PodScheduled')) return pod;
    await sleep(20);
  }
  throw new Error(`nobody decided about ${metadata.name}`);
}

function startStock(server: RunningServer): ChildProcess {
  const config = join(server.dataDir, 'stock-scheduler.yaml');
  const kubeconfig = join(server.dataDir, 'resources/kube-scheduler/kubeconfig');
  readFileSync(kubeconfig);
  writeFileSync(
    config,
    [
      'apiVersion: kubescheduler.config.k8s.io/v1',
      'kind: KubeSchedulerConfiguration',
      'leaderElection: {leaderElect: false}',
      `clientConnection: {kubeconfig: ${kubeconfig}, qps: 500, burst: 500}`,
      `profiles: [{schedulerName: ${schedulerName}}]`,
    ].join('\n'),
  );
  return spawn(binary!, [`--config=${config}`, '--secure-port=0'], { stdio: 'ignore' });
}
