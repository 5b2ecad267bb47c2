/** What holds for pods whatever happens: crashes, lost answers, restarts of the agent, a runtime that is away. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SimulatedNode } from './node.ts';
import { play, story } from './script.ts';

async function started(): Promise<SimulatedNode> {
  const node = new SimulatedNode();
  node.start();
  await node.settle();
  return node;
}

test('a pod runs, is deleted gracefully, and leaves nothing behind', async () => {
  const node = await started();
  await node.add('web');
  await node.advance(100);
  assert.equal(node.pod('web')?.status?.phase, 'Running');
  assert.equal(node.container('web')?.ready, true);
  node.api.delete('web', 30);
  await node.advance(5_000);
  assert.equal(node.pod('web'), undefined);
  assert.equal(node.runtime.sandboxes.size + node.runtime.instances.size, 0);
  assert.equal(node.volumes.size + node.cgroups.size, 0);
  assert.deepEqual(node.violations(), []);
});

test('whatever happens: one instance at a time, restarts only grow, phases do not go back, the deleted end', () =>
  fc.assert(fc.asyncProperty(story, play), { numRuns: Number(process.env['SIMULATION_RUNS'] ?? 1_000) }));
