import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { definitions } from '../../resources/index.ts';
import { aggregated, apiGroupList, apiResourceList, servedGroups } from './documents.ts';

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'));

const groups = servedGroups(definitions);

/** As a client sees it: without members that are undefined. */
const plain = (document: object): unknown => JSON.parse(JSON.stringify(document));

test('/api/v1 is upstream’s', () => {
  const core = groups.find(({ group }) => group === '')!;
  assert.deepEqual(plain(apiResourceList('', core.versions[0]!)), fixture('api-v1'));
});

test('/apis is upstream’s', () => {
  assert.deepEqual(plain(apiGroupList(groups)), fixture('apis'));
});

test('aggregated discovery is upstream’s', () => {
  assert.deepEqual(plain(aggregated(groups.filter(({ group }) => group !== ''))), fixture('aggregated'));
});
