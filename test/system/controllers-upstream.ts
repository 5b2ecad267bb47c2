/**
 * The same history told to nanoshift (its built bundle) and to upstream's API server with upstream's controller manager:
 *
 *   node test/system/controllers-upstream.ts --apiserver PATH --controller-manager PATH --kubectl PATH [--etcd PATH]
 *
 * Prints where the two differ; exit code 1 when they do.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startNanoshift, startUpstream } from '../../bench/peers.ts';
import { apiRequest } from '../support/api-request.ts';
import { tellHistory } from './controllers-history.ts';

const { values: flags } = parseArgs({
  options: {
    apiserver: { type: 'string' },
    'controller-manager': { type: 'string' },
    kubectl: { type: 'string' },
    etcd: { type: 'string', default: 'etcd' },
  },
});
const { apiserver, 'controller-manager': controllerManager, kubectl, etcd } = flags;
if (!apiserver || !controllerManager || !kubectl) {
  console.error(
    'usage: controllers-upstream.ts --apiserver PATH --controller-manager PATH --kubectl PATH [--etcd PATH]',
  );
  process.exit(2);
}

const nanoshift = await startNanoshift({ front: 'node' });
const upstream = await startUpstream({ apiserver, etcd }, nanoshift.dataDir);
const accountKey = 'resources/kube-apiserver/secrets/service-account-key/service-account.key';
const manager = spawn(
  controllerManager,
  [
    `--kubeconfig=${upstream.kubeconfig}`,
    `--service-account-private-key-file=${join(nanoshift.dataDir, accountKey)}`,
    '--use-service-account-credentials',
    '--leader-elect=false',
    '--secure-port=0',
  ],
  { stdio: 'ignore' },
);
try {
  await controllersWork(upstream.kubeconfig);
  const [ours, theirs] = await Promise.all(
    [nanoshift, upstream].map(({ kubeconfig }) => tellHistory(kubeconfig, kubectl)),
  );
  process.exitCode = compare(ours ?? [], theirs ?? []) ? 0 : 1;
} finally {
  manager.kill();
  await upstream.stop();
  await nanoshift.stop();
}

/** The manager has begun once the default namespace has its account. */
async function controllersWork(kubeconfig: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    const path = '/api/v1/namespaces/default/serviceaccounts';
    const { items = [] } = (await apiRequest(kubeconfig, 'GET', path)) as { items?: unknown[] };
    if (items.length) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  throw new Error('the controller manager does not work');
}

function compare(ours: readonly string[], theirs: readonly string[]): boolean {
  const [a, b] = [ours.join('\n'), theirs.join('\n')];
  const lines = b.split('\n').length;
  if (a === b) {
    console.log(`the same: ${lines} lines`);
    return true;
  }
  const folder = mkdtempSync(join(tmpdir(), 'controllers-'));
  writeFileSync(join(folder, 'nanoshift.txt'), a);
  writeFileSync(join(folder, 'upstream.txt'), b);
  console.log(`they differ: diff ${folder}/upstream.txt ${folder}/nanoshift.txt`);
  return false;
}
