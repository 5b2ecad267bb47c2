/** One history of a cluster, told through kubectl and the API, and what comes of it in a form that can be compared. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { apiRequest } from '../support/api-request.ts';

interface Item {
  metadata: { name: string; labels?: object; annotations?: Record<string, string>; deletionTimestamp?: string };
  spec?: { nodeName?: string; taints?: object[]; containers?: { image: string }[] };
  status?: { phase?: string; conditions?: Record<string, string>[] };
  endpoints?: object[];
}

interface EventItem extends Item {
  involvedObject: Record<string, string>;
  type: string;
  reason: string;
  message: string;
  source?: { component?: string };
}

const namespace = 'history';
const core = `/api/v1/namespaces/${namespace}`;
const reported = [
  `/apis/apps/v1/namespaces/${namespace}/deployments`,
  `/apis/apps/v1/namespaces/${namespace}/replicasets`,
  `${core}/replicationcontrollers`,
  `${core}/endpoints`,
  `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`,
];
const node = '/api/v1/nodes/node-1';
const roundMs = 500;
const settleMs = 1_500;

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
const now = (): string => `${new Date().toISOString().slice(0, 19)}Z`;

/** Tells the history to the cluster of `kubeconfig`; returns what kubectl said and what there was, line by line. */
export async function tellHistory(kubeconfig: string, kubectl: string): Promise<string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'history-'));
  try {
    return await new Teller(kubeconfig, kubectl, folder).tell();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Teller {
  readonly #kubeconfig: string;
  readonly #kubectl: string;
  readonly #folder: string;
  readonly #lines: string[] = [];
  #addresses = 0;

  constructor(kubeconfig: string, kubectl: string, folder: string) {
    this.#kubeconfig = kubeconfig;
    this.#kubectl = kubectl;
    this.#folder = folder;
  }

  async tell(): Promise<string[]> {
    await this.#begin();
    await this.#rollOut();
    await this.#scaleInTheMiddle();
    await this.#recreate();
    await this.#release();
    await this.#tellEvents();
    return this.#lines;
  }

  async #begin(): Promise<void> {
    await this.#run('create', 'namespace', namespace);
    const labels = { 'topology.kubernetes.io/zone': 'zone-1' };
    await this.#ask('POST', '/api/v1/nodes', { metadata: { name: 'node-1', labels } });
    await this.#beat();
    await pause(settleMs);
    const file = join(this.#folder, 'objects.yaml');
    writeFileSync(file, objects);
    await this.#say('apply', '-f', file);
    await this.#settle();
    await this.#look('begun');
    await this.#say('rollout', 'status', 'deployment/web', '--timeout=20s');
  }

  async #rollOut(): Promise<void> {
    await this.#say('set', 'image', 'deployment/web', 'web=web:2');
    await this.#settle(2);
    await this.#say('annotate', 'deployment/web', 'kubernetes.io/change-cause=second', '--overwrite');
    await this.#settle();
    await this.#say('rollout', 'history', 'deployment/web');
    await this.#look('updated');
    await this.#say('rollout', 'undo', 'deployment/web');
    await this.#settle(2);
    await this.#say('rollout', 'history', 'deployment/web');
    await this.#say('rollout', 'history', 'deployment/web', '--revision=3');
  }

  async #scaleInTheMiddle(): Promise<void> {
    await this.#say('set', 'image', 'deployment/web', 'web=broken:1');
    await this.#settle();
    await this.#look('broken');
    await this.#say('rollout', 'pause', 'deployment/web');
    await this.#settle();
    await this.#say('scale', 'deployment/web', '--replicas=6');
    await this.#settle();
    await this.#look('scaled while paused');
    await this.#say('set', 'image', 'deployment/web', 'web=web:5');
    await this.#say('rollout', 'resume', 'deployment/web');
    await this.#settle(4);
    await this.#say('rollout', 'status', 'deployment/web', '--timeout=20s');
    await this.#look('resumed');
  }

  async #recreate(): Promise<void> {
    await this.#say(
      'patch',
      'deployment',
      'web',
      '-p',
      '{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}',
    );
    await this.#say('set', 'image', 'deployment/web', 'web=web:6');
    await this.#settle(3);
    await this.#look('recreated');
  }

  async #release(): Promise<void> {
    await this.#say('scale', 'rs/set', '--replicas=1');
    await this.#say('scale', 'rc/rc', '--replicas=0');
    await this.#settle();
    await this.#run('label', 'pods', '-l', 'app=set', 'app=free', '--overwrite');
    await this.#settle(2);
    await this.#look('released');
    await this.#say('delete', 'services', 'web', 'by-hand');
    await this.#settle();
    await this.#look('without Services');
  }

  async #tellEvents(): Promise<void> {
    const { items } = await this.#ask<{ items: EventItem[] }>('GET', '/api/v1/events');
    const mine = items.filter(({ source }) => source?.component?.endsWith('-controller'));
    const told = mine.map(({ involvedObject: { kind, name, apiVersion }, type, reason, message, source }) =>
      normal(`${apiVersion} ${kind} ${name}: ${type} ${reason} ${message} (${source?.component})`),
    );
    const counts = new Map<string, number>();
    for (const each of told) counts.set(each, (counts.get(each) ?? 0) + 1);
    this.#lines.push('## events', ...[...counts].map(([text, count]) => `${count} × ${text}`).sort());
    const { metadata, spec } = await this.#ask<Item>('GET', node);
    this.#lines.push(canonical({ labels: metadata.labels, taints: spec?.taints }));
  }

  /** Does what a node does, until nothing is left to do, and gives the controllers time to see it. */
  async #settle(times = 1): Promise<void> {
    for (let time = 0; time < times; time++) {
      for (let quiet = 0, round = 0; quiet < 3 && round < 20; round++) {
        await pause(roundMs);
        quiet = (await this.#work()) ? 0 : quiet + 1;
      }
      await pause(settleMs);
    }
  }

  async #beat(): Promise<void> {
    const at = { lastHeartbeatTime: now(), lastTransitionTime: '2026-01-01T00:00:00Z' };
    const conditions = [{ type: 'Ready', status: 'True', reason: 'Test', message: 'test', ...at }];
    await this.#ask('PATCH', `${node}/status`, { status: { conditions } });
  }

  /** Returns whether there was anything to do. Pods of the image `broken` never run. */
  async #work(): Promise<boolean> {
    await this.#beat();
    const { items } = await this.#ask<{ items: Item[] }>('GET', `${core}/pods`);
    let worked = false;
    for (const { metadata, spec, status } of items) {
      const { name, deletionTimestamp } = metadata;
      const isDue = status?.phase !== 'Running' && !spec?.containers?.[0]?.image.startsWith('broken');
      if (deletionTimestamp) await this.#run('delete', 'pod', name, '--grace-period=0', '--force');
      else if (isDue) await this.#start(name, spec?.nodeName);
      worked ||= isDue || deletionTimestamp !== undefined;
    }
    return worked;
  }

  async #start(name: string, nodeName: string | undefined): Promise<void> {
    const target = { apiVersion: 'v1', kind: 'Node', name: 'node-1' };
    if (!nodeName) await this.#ask('POST', `${core}/pods/${name}/binding`, { metadata: { name }, target });
    const ip = `10.42.0.${++this.#addresses}`;
    const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: now() }];
    const status = { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions };
    await this.#ask('PATCH', `${core}/pods/${name}/status`, { status });
  }

  async #look(when: string): Promise<void> {
    for (const path of reported) {
      const { items } = await this.#ask<{ items: Item[] }>('GET', path);
      const texts = items.map((item) => normal(canonical(comparable(item))));
      this.#lines.push(`## ${when}: ${path.split('/').at(-1)}`, ...texts.sort());
    }
  }

  async #say(...args: string[]): Promise<void> {
    const answer = await this.#run(...args);
    this.#lines.push(`$ kubectl ${args.join(' ').replace(this.#folder, '')}`, normal(answer));
  }

  #run(...args: string[]): Promise<string> {
    const words = ['--kubeconfig', this.#kubeconfig, '--namespace', namespace, ...args];
    return new Promise((done) => {
      execFile(this.#kubectl, words, (error, stdout, stderr) => done(`${stdout}${stderr}${error ? error.code : ''}`));
    });
  }

  #ask<T = unknown>(method: string, path: string, body?: unknown): Promise<T> {
    return apiRequest(this.#kubeconfig, method, path, body) as Promise<T>;
  }
}

/** Without what differs from one run to the next. */
function comparable(item: Item): object {
  const { name, labels, annotations = {} } = item.metadata;
  const { 'endpoints.kubernetes.io/last-change-trigger-time': _time, ...others } = annotations;
  const conditions = item.status?.conditions?.map((condition) => {
    const { lastUpdateTime: _update, lastTransitionTime: _transition, ...rest } = condition;
    return rest;
  });
  conditions?.sort((a, b) => ((a['type'] ?? '') < (b['type'] ?? '') ? -1 : 1));
  const { observedGeneration: _generation, ...status } = { observedGeneration: 0, ...item.status };
  // Upstream has no order of its own here.
  const endpoints = item.endpoints?.map((endpoint) => canonical(endpoint)).sort();
  return { ...item, metadata: { name, labels, annotations: others }, status: { ...status, conditions }, endpoints };
}

const canonical = (value: unknown): string =>
  JSON.stringify(
    value,
    (_key, each: unknown) =>
      each && typeof each === 'object' && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
        : each,
    1,
  );

/** Names, addresses and times that a cluster makes up. */
const normal = (text: string): string =>
  text
    .replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'UID')
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, 'TIME')
    .replace(/10\.42\.0\.\d+/g, 'ADDRESS')
    .replace(/\bweb-[a-z0-9]{4,10}-[a-z0-9]{5}\b/g, 'web-HASH-POD')
    .replace(/\bweb-[bcdfghjklmnpqrstvwxz2456789]{6,10}\b/g, 'web-HASH')
    .replace(/\b(web|set|rc|headless|by-hand)-[a-z0-9]{5}\b/g, '$1-NAME')
    .replace(/(pod-template-hash[="': ]+)[a-z0-9]+/g, '$1HASH');

const container = (image: string): string =>
  `spec: {terminationGracePeriodSeconds: 0, containers: [{name: web, image: '${image}', ports: [{name: http, containerPort: 8080}]}]}`;

const objects = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {team: a}, annotations: {kubernetes.io/change-cause: first}}
spec:
  replicas: 3
  minReadySeconds: 1
  revisionHistoryLimit: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, ${container('web:1')}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: set}
spec:
  replicas: 2
  selector: {matchLabels: {app: set}}
  template: {metadata: {labels: {app: set, more: x}}, ${container('set:1')}}
---
apiVersion: v1
kind: ReplicationController
metadata: {name: rc}
spec:
  replicas: 2
  selector: {app: rc}
  template: {metadata: {labels: {app: rc}}, ${container('rc:1')}}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {team: a}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}, {name: raw, port: 81, targetPort: 9000, protocol: UDP}]
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, selector: {app: none}}
---
apiVersion: v1
kind: Service
metadata: {name: by-hand}
spec: {clusterIP: None, ports: [{port: 80}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: by-hand, labels: {of: hand}, annotations: {a: b}}
subsets:
- addresses: [{ip: 192.0.2.1}, {ip: 192.0.2.2, hostname: h}]
  notReadyAddresses: [{ip: 192.0.2.3}]
  ports: [{port: 80, name: p}]
`;
