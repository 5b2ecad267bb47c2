/** Tests that run real pods: each file runs itself again in a network namespace of its own. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inNamespace, makeNetworkNamespace, removeNetworkNamespace } from './netns.ts';

const marker = 'NANOSHIFT_TEST_NAMESPACE';

/** What a node needs of the machine; undefined when all of it is there. */
function lacking(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const found = (name: string): boolean =>
    ['/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((dir) => existsSync(`${dir}/${name}`));
  const missing = ['containerd', 'runc', 'nft', 'ip', 'nsenter'].find((name) => !found(name));
  return missing && `needs ${missing}`;
}

/**
 * `define` registers the tests of this file; it is called in the namespace. Outside there is one test, which passes
 * when all of them pass. Skipped where containers cannot run.
 */
export function inOwnNamespace(url: string, define: () => void): void {
  if (process.env[marker]) {
    define();
    return;
  }
  const file = fileURLToPath(url);
  const name = file.split('/').at(-1)?.replace('.test.ts', '') ?? file;
  const reason = lacking();
  test(`${name}, in a network namespace of its own`, { ...(reason && { skip: reason }) }, async () => {
    const namespace = `ns-${name.slice(0, 20)}-${process.pid}`;
    await makeNetworkNamespace(namespace);
    try {
      const { code, output } = await runInside(namespace, file);
      if (code !== 0) throw new Error(`failed with code ${code}:\n${output}`);
    } finally {
      await removeNetworkNamespace(namespace);
    }
  });
}

function runInside(namespace: string, file: string): Promise<{ code: number | null; output: string }> {
  const [command, args] = inNamespace(namespace, [process.execPath, '--test', '--test-reporter=spec', file]);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const child = spawn(command, args, { env: { ...env, [marker]: namespace }, stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks: string[] = [];
  child.stdout.on('data', (chunk) => chunks.push(String(chunk)));
  child.stderr.on('data', (chunk) => chunks.push(String(chunk)));
  return new Promise((done) => child.on('close', (code) => done({ code, output: chunks.join('') })));
}
