/** Endpoints that people make by hand, for Services without a selector, are mirrored as EndpointSlices. */
import { endpointSlices, endpoints as endpointsRef, services } from '../../client/index.ts';
import { formatLabelSelector } from '../../schema/index.ts';
import type { EndpointSlice, Endpoints, Service } from '../../schema/generated/index.ts';
import {
  carryOut,
  type Controller,
  type ControllerEnv,
  controllerOf,
  done,
  find,
  follow,
  keyOf,
  namespaceIsTerminating,
  queueOf,
  readingBy,
  recorderFor,
  splitKey,
  type SyncResult,
} from '../runtime/index.ts';
import { isMirrored, mirrorManager, planMirror } from './mirror-plan.ts';
import { managedByLabel, serviceNameLabel } from './slices-plan.ts';

const name = 'endpointslicemirroring-controller';
const workers = 5;

const hasSelector = ({ spec }: Service): boolean => Object.keys(spec?.selector ?? {}).length > 0;

export function endpointSliceMirroringController(env: ControllerEnv): Controller {
  const { clientFor } = env;
  const client = clientFor(name);
  const recorder = recorderFor(env, name, 'endpoint-slice-mirroring-controller');

  /** For which there are slices. */
  const mirrored = new Set<string>();

  const sync = async (key: string): Promise<SyncResult> => {
    const at = splitKey(key);
    const service = await find<Service>(client, services, at.name, at.namespace);
    const found = await find<Endpoints>(client, endpointsRef, at.name, at.namespace);
    const isWanted = found && service && isMirrored(found) && !hasSelector(service);
    const labelSelector = formatLabelSelector({
      matchLabels: { [serviceNameLabel]: at.name, [managedByLabel]: mirrorManager },
    });
    const { items } = await client.list<EndpointSlice>(endpointSlices, { namespace: at.namespace, labelSelector });
    const { actions, invalid, skipped } = planMirror(isWanted ? found : undefined, items);
    const tell = (reason: string, message: string): void =>
      recorder.event(
        { apiVersion: 'v1', kind: 'Endpoints', metadata: { ...at, ...found?.metadata } },
        'Warning',
        reason,
        message,
      );
    if (items.length || actions.length) mirrored.add(key);
    else mirrored.delete(key);
    if (invalid > 0) {
      tell('InvalidIPAddress', `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`);
    }
    if (skipped > invalid) {
      const limit = 'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset.';
      tell('TooManyAddressesToMirror', `${limit} ${skipped} addresses were skipped`);
    }
    try {
      await carryOut(client, actions);
    } catch (error) {
      if (!namespaceIsTerminating(error)) throw error;
    }
    return done;
  };

  const queue = queueOf(env, {
    name,
    workers,
    sync,
    overflowed: () => followed.relist(),
  });
  const options = readingBy(env);
  const followed = follow<Service>(services, options, {
    changed(service) {
      if (!hasSelector(service) || mirrored.has(keyOf(service.metadata))) queue.add(keyOf(service.metadata));
    },
    // Of a Service that went unseen the slices are left.
    relisted: () => queue.addAll(mirrored),
  });
  const followedEndpoints = follow<Endpoints>(endpointsRef, options, {
    changed(found) {
      if (isMirrored(found) || mirrored.has(keyOf(found.metadata))) queue.add(keyOf(found.metadata));
    },
    relisted: () => followed.relist(),
  });
  const selection = { labelSelector: `${managedByLabel}=${mirrorManager}` };
  const followedSlices = follow<EndpointSlice>(
    endpointSlices,
    { ...options, selection },
    {
      changed({ metadata: { namespace = '', labels = {} } }) {
        queue.add(keyOf({ namespace, name: labels[serviceNameLabel] ?? '' }));
      },
      relisted: () => queue.addAll(mirrored),
    },
  );
  return controllerOf(name, queue, [followed, followedEndpoints, followedSlices], recorder);
}
