/** What the server does to metadata before and after the strategy of a kind sees it. */
import { randomInt, randomUUID } from 'node:crypto';
import { apiError, formatTime, sameJson } from '../../kernel/index.ts';
import type { KubeObject, ObjectMeta, OwnerReference } from '../../schema/object.ts';
import type { Call } from '../core.ts';

const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const generatedBaseLimit = 58;

/** Drops what only the server may set. */
export function wipeSystemFields(meta: ObjectMeta): void {
  delete meta.creationTimestamp;
  delete meta.uid;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.selfLink;
}

export function fillSystemFields(meta: ObjectMeta, nowMs: number): void {
  meta.creationTimestamp = formatTime(nowMs);
  meta.uid = randomUUID();
}

/** `base` cut to 58 characters plus five random ones. */
export function generateName(base: string): string {
  let name = base.slice(0, generatedBaseLimit);
  for (let count = 0; count < suffixLength; count++) name += suffixAlphabet[randomInt(suffixAlphabet.length)];
  return name;
}

/** Brings the object into the request's namespace, or refuses it. */
export function ensureNamespace(call: Call, object: KubeObject): void {
  const wanted = call.resource.namespaced ? call.namespace : '';
  const found = object.metadata.namespace ?? '';
  if (found === wanted) return;
  if (found === '') object.metadata.namespace = wanted;
  else if (wanted === '') delete object.metadata.namespace;
  else {
    throw apiError.badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
}

/** Refuses a body whose name is not the path's. */
export function checkName(call: Call, object: KubeObject): void {
  const name = object.metadata.name ?? '';
  if (name === '') {
    throw apiError.badRequest(
      `the name of the object (${call.name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (name !== call.name) {
    throw apiError.badRequest(`the name of the object (${name}) does not match the name on the URL (${call.name})`);
  }
}

/** Drops repeated owner references, with upstream's warning. */
export function dedupOwners(call: Call, meta: ObjectMeta, afterAdmission: boolean): void {
  const owners = meta.ownerReferences;
  if (!owners || owners.length < 2) return;
  const kept: OwnerReference[] = [];
  const dropped: string[] = [];
  for (const owner of owners) {
    if (kept.some((other) => other.uid === owner.uid && sameJson(other, owner))) dropped.push(owner.uid);
    else kept.push(owner);
  }
  if (dropped.length === 0) return;
  meta.ownerReferences = kept;
  const where = afterAdmission ? ' after mutating admission happens' : '';
  call.warn(
    `.metadata.ownerReferences contains duplicate entries${where}; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: ${dropped.join(', ')}`,
  );
}
