import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { immutable, matches, requiredMatch } from '../shared/check.ts';
import { validCanonicalIP } from '../shared/ip.ts';
import { dnsSubdomain, pathSegment } from '../shared/names.ts';
import { nameColumn, resource } from '../shared/resource.ts';
import type { IPAddress } from '../typings/networking.ts';

/** networking.k8s.io/v1 IPAddress: its name is the address. */
export const ipAddress = resource<IPAddress>('networking.k8s.io/v1/ipaddresses', {
  columns: [nameColumn, { name: 'ParentRef', type: 'string', value: parentCell }],
  validateName: (name) =>
    [...validCanonicalIP(name, [])].map((error) => error.message.slice(error.message.indexOf(': ', 15) + 2)),
  validate,
  *validateUpdate(next, previous) {
    yield* immutable(next.spec?.parentRef, previous.spec?.parentRef, ['spec', 'parentRef']);
  },
});

/** `services/default/kubernetes`. */
function parentCell(o: IPAddress): string {
  const parent = o.spec?.parentRef;
  if (!parent) return '<none>';
  const resourceName = `${parent.resource ?? ''}${parent.group ? `.${parent.group}` : ''}`.toLowerCase();
  return [resourceName, ...(parent.namespace ? [parent.namespace] : []), parent.name].join('/');
}

function* validate(o: IPAddress): Iterable<FieldError> {
  const parent = o.spec?.parentRef;
  const path = ['spec', 'parentRef'];
  if (!parent) {
    yield e.required(path);
    return;
  }
  if (parent.group) yield* matches(dnsSubdomain, parent.group, [...path, 'group']);
  yield* requiredMatch(pathSegment, parent.resource, [...path, 'resource']);
  yield* requiredMatch(pathSegment, parent.name, [...path, 'name']);
  if (parent.namespace) yield* matches(pathSegment, parent.namespace, [...path, 'namespace']);
}
