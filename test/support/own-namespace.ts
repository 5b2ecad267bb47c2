/** Tests that run real pods: each file runs itself again in a network namespace of its own. */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runInNamespace } from './netns.ts';

const marker = 'NANOSHIFT_TEST_NAMESPACE';

const limitMs = 900_000;

/** What is needed of the machine and not there. */
function lacking(programs: readonly string[]): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const found = (name: string): boolean =>
    ['/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].some((dir) => existsSync(`${dir}/${name}`));
  const missing = programs.find((name) => !found(name));
  return missing && `needs ${missing}`;
}

/** What a node needs. */
const nodePrograms = ['containerd', 'runc', 'nft', 'ip', 'nsenter'];

/**
 * `define` registers the tests of this file; it is called in the namespace. Outside there is one test, which passes
 * when all of them pass. Skipped where containers cannot run.
 */
export function inOwnNamespace(url: string, define: () => void, programs: readonly string[] = nodePrograms): void {
  if (process.env[marker]) {
    define();
    return;
  }
  const file = fileURLToPath(url);
  const name = basename(file, '.test.ts');
  const skip = lacking(programs) ?? false;
  test(`${name}, in a network namespace of its own`, { skip, timeout: limitMs }, async ({ signal }) => {
    const namespace = `ns-${name.slice(0, 20)}-${process.pid}`;
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const command = [process.execPath, '--test', '--test-reporter=spec', file];
    const chunks: string[] = [];
    const code = await runInNamespace(
      namespace,
      command,
      { env: { ...env, [marker]: namespace }, stdio: ['ignore', 'pipe', 'pipe'] },
      (child) => {
        signal.addEventListener('abort', () => child.kill());
        for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => chunks.push(String(chunk)));
      },
    );
    if (code !== 0) throw new Error(`failed with code ${code}:\n${chunks.join('')}`);
  });
}
