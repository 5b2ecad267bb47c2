import assert from 'node:assert/strict';
import { test } from 'node:test';
import { definitions } from '../../resources/index.ts';
import { at } from '../testing/exchange.ts';
import { testCluster } from '../testing/cluster.ts';

test('metadata and columns of a view are those of the stored object, not of the view and its annotations', async () => {
  const cluster = await testCluster({ definitions });
  const autoscalers = '/namespaces/default/horizontalpodautoscalers';
  const spec = {
    maxReplicas: 3,
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
    metrics: [
      { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } },
      { type: 'Pods', pods: { metric: { name: 'm' }, target: { type: 'AverageValue', averageValue: '1' } } },
    ],
  };
  await cluster.ask('POST', `/apis/autoscaling/v2${autoscalers}`, { body: { metadata: { name: 'a' }, spec } });
  const object = await cluster.ask('GET', `/apis/autoscaling/v1${autoscalers}/a`);
  assert.ok(at(object.json, 'metadata.annotations'));
  for (const [kind, path, member] of [
    ['PartialObjectMetadata', '/a', 'metadata'],
    ['PartialObjectMetadataList', '', 'items.0.metadata'],
    ['Table', '/a', 'rows.0.object.metadata'],
  ]) {
    const headers = { accept: `application/json;as=${kind};v=v1;g=meta.k8s.io` };
    const answer = await cluster.ask('GET', `/apis/autoscaling/v1${autoscalers}${path}`, { headers });
    assert.equal(at(answer.json, `${member}.name`), 'a');
    assert.equal(at(answer.json, `${member}.annotations`), undefined);
    if (kind === 'Table') assert.equal(at(answer.json, 'rows.0.cells.2'), 'cpu: <unknown>/60%, <unknown>/1');
  }
  await cluster.close();
});
