/** Runs the admission chain, and makes the context that a kind's hooks see. */
import type { HookContext } from '../../resources/define.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Call, Core } from '../core.ts';
import type { AdmissionRequest, Operation } from '../types.ts';
import type { WriteOptions } from './options.ts';

export interface AdmissionSubject {
  operation: Operation;
  name: string;
  object?: KubeObject;
  oldObject?: KubeObject;
  options: KubeObject | undefined;
  dryRun: boolean;
}

export const hookContext = (core: Core, call: Call, dryRun: boolean): HookContext => ({
  nowMs: core.clock.nowMs(),
  dryRun,
  user: call.user,
  client: core.systemClient,
  ...(core.nodePorts && { nodePorts: core.nodePorts }),
});

/** The options object that plugins and webhooks see. */
export function optionsObject(
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  options: WriteOptions,
): KubeObject {
  return {
    apiVersion: 'meta.k8s.io/v1',
    kind,
    ...(options.dryRun && { dryRun: ['All'] }),
    ...(options.fieldManager && { fieldManager: options.fieldManager }),
    ...(options.fieldValidation && { fieldValidation: options.fieldValidation }),
  } as unknown as KubeObject;
}

function requestFor(call: Call, subject: AdmissionSubject): AdmissionRequest {
  const namespace = call.resource.namespaced
    ? call.namespace
    : call.resource.definition.resource === 'namespaces' && call.resource.definition.group === ''
      ? subject.name
      : '';
  return {
    ...subject,
    definition: call.resource.definition,
    subresource: call.subresource,
    namespace,
    user: call.user,
    warn: call.warn,
  };
}

/** Mutating part of the chain; `subject.object` is changed in place. */
export async function admit(core: Core, call: Call, subject: AdmissionSubject): Promise<void> {
  const request = requestFor(call, subject);
  for (const plugin of core.admission) {
    if (plugin.admit && plugin.handles(subject.operation)) await plugin.admit(request);
  }
}

/** Validating part of the chain. */
export async function validateAdmission(core: Core, call: Call, subject: AdmissionSubject): Promise<void> {
  const request = requestFor(call, subject);
  for (const plugin of core.admission) {
    if (plugin.validate && plugin.handles(subject.operation)) await plugin.validate(request);
  }
}
