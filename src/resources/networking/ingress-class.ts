import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { immutable, matches, oneOf, requiredMatch } from '../shared/check.ts';
import { dnsLabel, dnsSubdomain, pathSegment, regexMessage } from '../shared/names.ts';
import { ageColumn, resource } from '../shared/resource.ts';
import type { IngressClass, IngressClassParametersReference } from '../typings/networking.ts';

const defaultAnnotation = 'ingressclass.kubernetes.io/is-default-class';

/** networking.k8s.io/v1 IngressClass. */
export const ingressClass = resource<IngressClass>('networking.k8s.io/v1/ingressclasses', {
  columns: [
    {
      name: 'Name',
      type: 'string',
      format: 'name',
      value: (o) => `${o.metadata.name}${o.metadata.annotations?.[defaultAnnotation] === 'true' ? ' (default)' : ''}`,
    },
    { name: 'Controller', type: 'string', value: (o) => o.spec?.controller ?? '' },
    { name: 'Parameters', type: 'string', value: parametersCell },
    ageColumn,
  ],
  generation: true,
  default(o) {
    if (o.spec?.parameters) o.spec.parameters.scope ??= 'Cluster';
  },
  *validate(o) {
    yield* validateController(o.spec?.controller ?? '', ['spec', 'controller']);
    if (o.spec?.parameters) yield* validateParameters(o.spec.parameters, ['spec', 'parameters']);
  },
  *validateUpdate(next, previous) {
    yield* immutable(next.spec?.controller, previous.spec?.controller, ['spec', 'controller']);
  },
});

function parametersCell(o: IngressClass): string {
  const parameters = o.spec?.parameters;
  if (!parameters) return '<none>';
  return `${parameters.kind}${!parameters.apiGroup ? '' : `.${parameters.apiGroup}`}/${parameters.name}`;
}

const pathFormat = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";

/** `acme.io/foo`, at most 250 characters. */
function* validateController(value: string, path: FieldPath): Iterable<FieldError> {
  if (value.length > 250) yield e.tooLong(path, 250);
  const slash = value.indexOf('/');
  const [host, rest] = [value.slice(0, slash), value.slice(slash + 1)];
  if (!value) yield e.required(path);
  else if (slash < 0 || !host || !rest) {
    yield e.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
  } else {
    yield* matches(dnsSubdomain, host, path);
    if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(rest)) {
      yield e.invalid(path, rest, regexMessage('Invalid path', pathFormat));
    }
  }
}

function* validateParameters(parameters: IngressClassParametersReference, path: FieldPath): Iterable<FieldError> {
  if (parameters.apiGroup) yield* matches(dnsSubdomain, parameters.apiGroup, [...path, 'apiGroup']);
  yield* requiredMatch(pathSegment, parameters.kind, [...path, 'kind']);
  yield* requiredMatch(pathSegment, parameters.name, [...path, 'name']);
  const namespace = parameters.namespace;
  switch (parameters.scope) {
    case 'Namespace':
      if (!namespace) yield e.required([...path, 'namespace'], "`parameters.scope` is set to 'Namespace'");
      else yield* matches(dnsLabel, namespace, [...path, 'namespace']);
      break;
    case 'Cluster':
      if (namespace) {
        yield e.forbidden([...path, 'namespace'], "`parameters.scope` is set to 'Cluster'");
      }
      break;
    default:
      yield* oneOf(parameters.scope ?? '', ['Cluster', 'Namespace'], [...path, 'scope']);
  }
}
