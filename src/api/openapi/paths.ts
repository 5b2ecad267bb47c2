/** Paths of OpenAPI documents: what can be done with each resource. The deprecated /watch paths are left out. */
import type { ResourceDefinition, Subresource, Verb } from '../../resources/define.ts';
import { type MessageName, schema } from '../../schema/index.ts';
import { patchName } from './schema-names.ts';
import { type DefinitionSet, type Dialect, type GroupVersionKind, refTo, type SchemaObject } from './schemas.ts';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';

interface OperationPlan {
  method: Method;
  /** `x-kubernetes-action` */
  action: string;
  /** `readAppsV1NamespacedDeploymentStatus` */
  id: string;
  gvk: GroupVersionKind;
  request: MessageName | undefined;
  response: MessageName | undefined;
  parameters: readonly Parameter[];
  codes: readonly ('200' | '201' | '202')[];
}

type Parameter = readonly [name: string, type: 'string' | 'integer' | 'boolean'];

const listParameters: readonly Parameter[] = [
  ['allowWatchBookmarks', 'boolean'],
  ['continue', 'string'],
  ['fieldSelector', 'string'],
  ['labelSelector', 'string'],
  ['limit', 'integer'],
  ['resourceVersion', 'string'],
  ['resourceVersionMatch', 'string'],
  ['sendInitialEvents', 'boolean'],
  ['timeoutSeconds', 'integer'],
  ['watch', 'boolean'],
];
const writeParameters: readonly Parameter[] = [
  ['dryRun', 'string'],
  ['fieldManager', 'string'],
  ['fieldValidation', 'string'],
];
const patchParameters: readonly Parameter[] = [...writeParameters, ['force', 'boolean']];
const deleteParameters: readonly Parameter[] = [
  ['dryRun', 'string'],
  ['gracePeriodSeconds', 'integer'],
  ['ignoreStoreReadErrorWithClusterBreakingPotential', 'boolean'],
  ['orphanDependents', 'boolean'],
  ['propagationPolicy', 'string'],
];

const objectTypes = ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf'];
const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const responseTexts = { 200: 'OK', 201: 'Created', 202: 'Accepted', 401: 'Unauthorized' } as const;

/** The paths of one resource, with references into `definitions`. */
export function* resourcePaths(
  definition: ResourceDefinition,
  definitions: DefinitionSet,
  dialect: Dialect,
): Generator<readonly [string, SchemaObject]> {
  const writer = new PathWriter(definition, definitions, dialect);
  const { group, version, resource, scope } = definition;
  const root = group ? `/apis/${group}/${version}` : `/api/${version}`;
  const base = scope === 'Namespaced' ? `${root}/namespaces/{namespace}/${resource}` : `${root}/${resource}`;
  const inPath = scope === 'Namespaced' ? ['namespace'] : [];
  yield* writer.item(base, inPath, writer.collection());
  if (scope === 'Namespaced') yield* writer.item(`${root}/${resource}`, [], writer.everywhere());
  yield* writer.item(`${base}/{name}`, ['name', ...inPath], writer.single());
  for (const [name, subresource] of Object.entries(definition.subresources ?? {})) {
    yield* writer.item(`${base}/{name}/${name}`, ['name', ...inPath], writer.subresource(name, subresource));
  }
}

const capital = (text: string): string => text.slice(0, 1).toUpperCase() + text.slice(1);

/** `rbac.authorization.k8s.io` → `RbacAuthorization`, '' → `Core`. */
export const groupTitle = (group: string): string =>
  (group || 'core')
    .replace(/\.k8s\.io$/, '')
    .split('.')
    .map(capital)
    .join('');

class PathWriter {
  readonly #definition: ResourceDefinition;
  readonly #definitions: DefinitionSet;
  readonly #dialect: Dialect;
  readonly #title: string;

  constructor(definition: ResourceDefinition, definitions: DefinitionSet, dialect: Dialect) {
    this.#definition = definition;
    this.#definitions = definitions;
    this.#dialect = dialect;
    this.#title = groupTitle(definition.group) + capital(definition.version);
  }

  *item(
    path: string,
    inPath: readonly string[],
    operations: readonly OperationPlan[],
  ): Generator<readonly [string, SchemaObject]> {
    if (operations.length === 0) return;
    yield [
      path,
      {
        ...Object.fromEntries(operations.map((plan) => [plan.method, this.#operation(plan)])),
        parameters: [
          ...inPath.map((name) => ({ name, in: 'path', required: true, ...this.#typed('string') })),
          this.#query(['pretty', 'string']),
        ],
      },
    ];
  }

  #has(verb: Verb): boolean {
    return this.#definition.verbs.includes(verb);
  }

  get #listMessage(): MessageName | undefined {
    const list = `${this.#definition.message}List`;
    return schema.has(list) ? list : undefined;
  }

  get #kind(): GroupVersionKind {
    const { group, version, kind } = this.#definition;
    return { group, version, kind };
  }

  #plan(method: Method, action: string, verb: string, rest: Partial<OperationPlan> = {}, suffix = ''): OperationPlan {
    const { scope, kind, message } = this.#definition;
    const scoped = scope === 'Namespaced' ? 'Namespaced' : '';
    return {
      method,
      action,
      id: `${verb}${this.#title}${scoped}${kind}${suffix}`,
      gvk: this.#kind,
      request: undefined,
      response: message,
      parameters: [],
      codes: ['200'],
      ...rest,
    };
  }

  collection(): OperationPlan[] {
    const { message } = this.#definition;
    const plans: OperationPlan[] = [];
    if (this.#has('list')) {
      plans.push(this.#plan('get', 'list', 'list', { response: this.#listMessage, parameters: listParameters }));
    }
    if (this.#has('create')) {
      const codes = ['200', '201', '202'] as const;
      plans.push(this.#plan('post', 'post', 'create', { request: message, parameters: writeParameters, codes }));
    }
    if (this.#has('deletecollection')) {
      const parameters = [...deleteParameters, ...listParameters.filter(([name]) => !/watch/i.test(name))];
      const request = 'meta/v1.DeleteOptions';
      const rest = { request, response: 'meta/v1.Status', parameters };
      plans.push(this.#plan('delete', 'deletecollection', 'deleteCollection', rest));
    }
    return plans;
  }

  /** The list over all namespaces. */
  everywhere(): OperationPlan[] {
    if (!this.#has('list')) return [];
    const id = `list${this.#title}${this.#definition.kind}ForAllNamespaces`;
    const rest = { id, response: this.#listMessage, parameters: listParameters };
    return [this.#plan('get', 'list', 'list', rest)];
  }

  single(): OperationPlan[] {
    const plans = this.#objectPlans(this.#definition.verbs, this.#definition.message, '');
    if (this.#has('delete')) {
      const response = this.#definition.returnsDeletedObject ? this.#definition.message : 'meta/v1.Status';
      const rest = { request: 'meta/v1.DeleteOptions', response, parameters: deleteParameters };
      plans.push(this.#plan('delete', 'delete', 'delete', { ...rest, codes: ['200', '202'] }));
    }
    return plans;
  }

  #objectPlans(verbs: readonly Verb[], message: MessageName, suffix: string, gvk = this.#kind): OperationPlan[] {
    const own = { gvk, response: message };
    const codes = ['200', '201'] as const;
    const plans: OperationPlan[] = [];
    if (verbs.includes('get')) plans.push(this.#plan('get', 'get', 'read', own, suffix));
    if (verbs.includes('update')) {
      const rest = { ...own, request: message, parameters: writeParameters, codes };
      plans.push(this.#plan('put', 'put', 'replace', rest, suffix));
    }
    if (verbs.includes('patch')) {
      plans.push(this.#plan('patch', 'patch', 'patch', { ...own, parameters: patchParameters, codes }, suffix));
    }
    return plans;
  }

  subresource(name: string, subresource: Subresource): OperationPlan[] {
    const suffix = capital(name);
    switch (subresource.type) {
      case 'object':
        return this.#objectPlans(subresource.verbs, this.#definition.message, suffix);
      case 'scale': {
        const gvk = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
        return this.#objectPlans(subresource.verbs, 'autoscaling/v1.Scale', suffix, gvk);
      }
      case 'action': {
        const { apiVersion, kind } = subresource.gvk;
        const slash = apiVersion.indexOf('/');
        const gvk = { group: apiVersion.slice(0, Math.max(slash, 0)), version: apiVersion.slice(slash + 1), kind };
        const { message } = subresource;
        const rest = { gvk, request: message, response: message, parameters: writeParameters };
        return [this.#plan('post', 'post', 'create', { ...rest, codes: ['200', '201', '202'] }, suffix)];
      }
      case 'connect':
        return this.#connectPlans(subresource.verbs, { ...this.#kind, kind: subresource.kind }, suffix);
    }
  }

  #connectPlans(verbs: readonly Verb[], gvk: GroupVersionKind, suffix: string): OperationPlan[] {
    const methods: [Verb, Method, string][] = [
      ['get', 'get', 'connectGet'],
      ['create', 'post', 'connectPost'],
      ['update', 'put', 'connectPut'],
      ['patch', 'patch', 'connectPatch'],
      ['delete', 'delete', 'connectDelete'],
    ];
    return methods
      .filter(([verb]) => verbs.includes(verb))
      .map(([, method, verb]) => this.#plan(method, 'connect', verb, { gvk, response: undefined }, suffix));
  }

  // --- writing ----------------------------------------------------------------------------------------------------

  #operation(plan: OperationPlan): SchemaObject {
    const { group, version } = this.#definition;
    const title = groupTitle(group);
    const isPatch = plan.action === 'patch';
    const body = isPatch ? refTo(this.#dialect, patchName) : plan.request && this.#definitions.ref(plan.request);
    const consumes = isPatch ? patchTypes : ['*/*'];
    const isOptional = plan.request === 'meta/v1.DeleteOptions';
    const parameters: SchemaObject[] = plan.parameters.map((parameter) => this.#query(parameter));
    if (this.#dialect === 'v2' && body) {
      parameters.unshift({ name: 'body', in: 'body', ...(!isOptional && { required: true }), schema: body });
    }
    return {
      tags: [`${title.slice(0, 1).toLowerCase()}${title.slice(1)}_${version}`],
      operationId: plan.id,
      ...(this.#dialect === 'v2' && { consumes, produces: plan.response ? objectTypes : ['*/*'] }),
      ...(parameters.length > 0 && { parameters }),
      ...(this.#dialect === 'v3' &&
        body && { requestBody: { content: contentOf(consumes, body), ...(!isOptional && { required: true }) } }),
      responses: this.#responses(plan),
      'x-kubernetes-action': plan.action,
      'x-kubernetes-group-version-kind': plan.gvk,
    };
  }

  #responses(plan: OperationPlan): SchemaObject {
    const answer = plan.response ? this.#definitions.ref(plan.response) : { type: 'string' };
    const types = plan.response ? objectTypes : ['*/*'];
    const content = this.#dialect === 'v2' ? { schema: answer } : { content: contentOf(types, answer) };
    const answers = plan.codes.map((code) => [code, { description: responseTexts[code], ...content }]);
    return { ...Object.fromEntries(answers), 401: { description: responseTexts[401] } };
  }

  #query([name, type]: Parameter): SchemaObject {
    return { name, in: 'query', ...this.#typed(type) };
  }

  #typed(type: Parameter[1]): SchemaObject {
    return this.#dialect === 'v2' ? { type, uniqueItems: true } : { schema: { type, uniqueItems: true } };
  }
}

const contentOf = (types: readonly string[], schema: SchemaObject): SchemaObject =>
  Object.fromEntries(types.map((type) => [type, { schema }]));
