import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { StatusError } from '../../kernel/index.ts';
import { type KubeObject, type ManagedFieldsEntry, referenceCodec } from '../../schema/index.ts';
import { type ApplyResult, applyPatch } from './apply.ts';
import { excludeFields } from './reset-fields.ts';
import { updateManagedFields } from './update.ts';

interface Case {
  op: 'update' | 'apply';
  message: string;
  apiVersion: string;
  kind: string;
  live?: KubeObject;
  manager: string;
  subresource: string;
  resetFields: string[][];
}
type UpdateCase = Case & { next: KubeObject; expect: ManagedFieldsEntry[] | null };
type ApplyCase = Case & { applied: object; force: boolean; expect: Applied | Refused };
interface Applied {
  object: KubeObject;
  managedFields?: ManagedFieldsEntry[];
}
interface Refused {
  error: string;
  causes?: { field: string; message: string }[];
}

const cases = readFileSync(new URL('./fixtures/upstream.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as UpdateCase | ApplyCase);

const timeMs = Date.UTC(2026, 0, 1);

/** Entries without times, in an order that does not depend on them. */
const timeless = (entries: readonly ManagedFieldsEntry[] | null | undefined): string[] =>
  (entries ?? []).map(({ time: _, ...entry }) => JSON.stringify(entry)).sort();

function canonical({ message, apiVersion, kind }: Case, object: KubeObject): unknown {
  const json = new TextEncoder().encode(JSON.stringify(object));
  const { bytes } = referenceCodec.fromJson(message, json, { defaults: false });
  return JSON.parse(new TextDecoder().decode(referenceCodec.toJson(message, bytes, { apiVersion, kind })));
}

function checkUpdate(request: UpdateCase): void {
  const entries = updateManagedFields({
    ...request,
    live: request.live,
    timeMs,
    filter: excludeFields(request.resetFields),
  });
  assert.deepEqual(timeless(entries), timeless(request.expect));
}

function checkApply(request: ApplyCase): void {
  const { expect } = request;
  let result: ApplyResult | StatusError;
  try {
    result = applyPatch({ ...request, live: request.live, timeMs, filter: excludeFields(request.resetFields) });
  } catch (error) {
    assert.ok(error instanceof StatusError, String(error));
    result = error;
  }
  if (result instanceof StatusError) {
    assert.ok('error' in expect, `refused: ${result.message}`);
    const causes = (list: Refused['causes'] = []) => list.map(({ field, message }) => `${field} ${message}`).sort();
    assert.deepEqual(causes(result.status.details?.causes as Refused['causes']), causes(expect.causes));
    assert.equal(result.message.split('\n')[0]!.length > 0, true);
    if (!expect.causes) assert.equal(result.message, expect.error);
    return;
  }
  assert.ok('object' in expect, 'upstream refuses');
  assert.deepEqual(canonical(request, result.object), canonical(request, expect.object));
  assert.deepEqual(timeless(result.managedFields), timeless(expect.managedFields));
}

for (const [index, request] of cases.entries()) {
  test(`upstream case ${index}: ${request.op} of a ${request.kind} by ${request.manager}`, () => {
    if (request.op === 'update') checkUpdate(request as UpdateCase);
    else checkApply(request as ApplyCase);
  });
}
