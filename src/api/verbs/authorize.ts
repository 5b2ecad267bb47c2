/** May this user do that? Refusals in upstream's words. */
import { apiError, StatusError } from '../../kernel/status.ts';
import type { Call, Core } from '../core.ts';
import type { AccessAttributes, Authorizer } from '../types.ts';

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

function refusal(attributes: AccessAttributes): string {
  const who = `User ${JSON.stringify(attributes.user.name)} cannot ${attributes.verb}`;
  if (attributes.path !== undefined) return `${who} path ${JSON.stringify(attributes.path)}`;
  const resource = attributes.subresource ? `${attributes.resource}/${attributes.subresource}` : attributes.resource;
  const what = `${who} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(attributes.group ?? '')}`;
  return attributes.namespace
    ? `${what} in the namespace ${JSON.stringify(attributes.namespace)}`
    : `${what} at the cluster scope`;
}

/** The 403 for these attributes. */
export function forbidden(attributes: AccessAttributes, reason: string): StatusError {
  const message = escaped(refusal(attributes)) + (reason ? `: ${reason}` : '');
  if (!attributes.resource) return new StatusError('Forbidden', `forbidden: ${message}`, {});
  return apiError.forbidden(
    { group: attributes.group ?? '', resource: attributes.resource },
    attributes.name ?? '',
    message,
  );
}

/** Throws Forbidden unless the authorizer allows it. */
export function requireAccess(authorizer: Authorizer, attributes: AccessAttributes): void {
  const decision = authorizer.authorize(attributes);
  if (!decision.allowed) throw forbidden(attributes, decision.reason);
}

/** As `requireAccess`, for a call that turns into another verb (create on update). */
export function authorize(core: Core, call: Call, verb: string): void {
  const { group, version, resource } = call.resource.definition;
  requireAccess(core.authorizer, {
    user: call.user,
    verb,
    group,
    version,
    resource,
    subresource: call.subresource,
    namespace: call.namespace,
    name: call.name,
  });
}
