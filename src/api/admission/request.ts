/** What most plugins ask of a request. */
import { apiError, type Qualified, type StatusError } from '../../kernel/index.ts';
import type { AdmissionRequest, Operation } from '../types.ts';

/** True for the resource itself, not for one of its subresources. */
export const isResource = (request: AdmissionRequest, group: string, resource: string): boolean =>
  request.subresource === '' && request.definition.group === group && request.definition.resource === resource;

export const isPod = (request: AdmissionRequest): boolean => isResource(request, '', 'pods');

/** `handles` of a plugin that looks at these operations. */
export const on =
  (...operations: readonly Operation[]) =>
  (operation: Operation): boolean =>
    operations.includes(operation);

export const resourceOf = ({ definition }: AdmissionRequest): Qualified => ({
  group: definition.group,
  resource: definition.resource,
});

/** 403 in the wording of upstream's admission: the name may still be generated. */
export function forbidden(request: AdmissionRequest, message: string): StatusError {
  const metadata = request.object?.metadata;
  const name = request.name || metadata?.name || metadata?.generateName || 'Unknown';
  return apiError.forbidden(resourceOf(request), name, message);
}
