/** Objects are created only in namespaces that exist and stay; some namespaces are never deleted. */
import { apiError } from '../../kernel/index.ts';
import type { Namespace } from '../../schema/generated/index.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../types.ts';
import type { Lookup } from './lookup.ts';
import { forbidden, on, resourceOf } from './request.ts';

const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

export function namespaceLifecycle(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'NamespaceLifecycle',
    handles: on('CREATE', 'UPDATE', 'DELETE'),
    admit(request) {
      if (isNamespace(request)) {
        const deletes = request.operation === 'DELETE' && !request.subresource;
        if (!deletes || !immortal.has(request.name)) return;
        throw apiError.forbidden(resourceOf(request), request.name, 'this namespace may not be deleted');
      }
      // A review must not tell whether a namespace exists.
      if (!request.namespace || request.operation === 'DELETE' || isAccessReview(request)) return;
      const namespace = lookup.get<Namespace>('v1/Namespace', request.namespace);
      if (!namespace) throw apiError.notFound({ group: '', resource: 'namespaces' }, request.namespace);
      if (request.operation === 'CREATE' && namespace.status?.phase === 'Terminating') throw terminating(request);
    },
  };
}

const isNamespace = ({ definition }: AdmissionRequest): boolean =>
  definition.group === '' && definition.kind === 'Namespace';

const isAccessReview = ({ definition }: AdmissionRequest): boolean =>
  definition.group === 'authorization.k8s.io' && definition.resource === 'localsubjectaccessreviews';

function terminating(request: AdmissionRequest) {
  const { namespace } = request;
  const error = forbidden(
    request,
    `unable to create new content in namespace ${namespace} because it is being terminated`,
  );
  error.status.details = {
    ...error.status.details,
    causes: [
      {
        reason: 'NamespaceTerminating',
        message: `namespace ${namespace} is being terminated`,
        field: 'metadata.namespace',
      },
    ],
  };
  return error;
}
