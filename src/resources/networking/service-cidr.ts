import { type FieldError, fieldError as e } from '../../kernel/status.ts';
import { immutable } from '../shared/check.ts';
import { isDualStackPair, validCanonicalCIDR } from '../shared/ip.ts';
import { ageColumn, nameColumn, resource, statusSubresource } from '../shared/resource.ts';
import type { ServiceCIDR } from '../typings/networking.ts';

/** networking.k8s.io/v1 ServiceCIDR. */
export const serviceCIDR = resource<ServiceCIDR>('networking.k8s.io/v1/servicecidrs', {
  columns: [nameColumn, { name: 'CIDRs', type: 'string', value: (o) => (o.spec?.cidrs ?? []).join(',') }, ageColumn],
  validate,
  validateUpdate,
  subresources: { status: statusSubresource<ServiceCIDR>({ keepMetadata: true }) },
});

function* validate(o: ServiceCIDR): Iterable<FieldError> {
  const cidrs = o.spec?.cidrs ?? [];
  const path = ['spec', 'cidrs'];
  if (cidrs.length === 0) yield e.required(path, 'at least one CIDR required');
  if (cidrs.length > 2) {
    yield e.invalid(path, { CIDRs: cidrs }, 'may only hold up to 2 values');
    return;
  }
  for (const [i, cidr] of cidrs.entries()) yield* validCanonicalCIDR(cidr, [...path, i]);
  if (cidrs.length === 2 && !isDualStackPair(cidrs)) {
    yield e.invalid(
      path,
      cidrs,
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64',
    );
  }
}

/** A second family may be added; what is there stays. */
function* validateUpdate(next: ServiceCIDR, previous: ServiceCIDR): Iterable<FieldError> {
  const cidrs = next.spec?.cidrs ?? [];
  const before = previous.spec?.cidrs ?? [];
  const grows = before.length === 1 && cidrs.length === 2;
  if (cidrs.length !== before.length && !grows) yield* immutable(cidrs, before, ['spec', 'cidrs']);
  else for (const [i, cidr] of before.entries()) yield* immutable(cidrs[i], cidr, ['spec', 'cidrs', i]);
}
