/** An Ingress that names no class gets the default one. */
import type { Ingress, IngressClass } from '../../schema/generated/index.ts';
import type { AdmissionPlugin } from '../types.ts';
import { newestDefault } from './default-class.ts';
import type { Lookup } from './lookup.ts';
import { isResource, on } from './request.ts';

const legacyClass = 'kubernetes.io/ingress.class';
const defaultMarks = ['ingressclass.kubernetes.io/is-default-class'] as const;

export function defaultIngressClass(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'DefaultIngressClass',
    handles: on('CREATE'),
    admit(request) {
      if (!isResource(request, 'networking.k8s.io', 'ingresses')) return;
      const ingress = request.object as Ingress;
      const named = ingress.spec?.ingressClassName ?? ingress.metadata.annotations?.[legacyClass];
      if (named !== undefined) return;
      const name = newestDefault(lookup.list<IngressClass>('networking.k8s.io/v1/IngressClass'), defaultMarks);
      if (name !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: name };
    },
  };
}
