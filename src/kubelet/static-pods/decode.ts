/** From a file's text to a pod as the API would have made it: decoded, defaulted, checked, bound to this node. */
import { createHash } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import { type FieldError, fieldError } from '../../kernel/index.ts';
import { definition, dnsLabel, dnsSubdomain, validateAnnotations, validateLabels } from '../../resources/index.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { CodecError, referenceCodec } from '../../schema/index.ts';
import { apiReferenceOf } from './api-references.ts';
import { StaticPodError } from './error.ts';

export interface StaticPodSource {
  file: string;
  text: string;
  nodeName: string;
}

const podDefinition = definition('', 'v1', 'pods')!;

/** The pod in `text`, named and identified for this node. Throws StaticPodError. */
export function decodeStaticPod({ file, text, nodeName }: StaticPodSource): Pod {
  const pod = decode(text);
  if (!pod.metadata.name) throw new StaticPodError('invalid pod: name is needed for the pod');
  const { metadata, spec } = pod;
  metadata.uid ||= uidOf(pod, file, nodeName);
  metadata.name = `${metadata.name}-${nodeName.toLowerCase()}`;
  metadata.namespace ||= 'default';
  metadata.annotations = {
    ...metadata.annotations,
    'kubernetes.io/config.hash': metadata.uid,
    'kubernetes.io/config.source': 'file',
  };
  if (spec) {
    spec.nodeName = nodeName;
    // The kubelet's own pods are not driven out when the node has problems.
    const isTolerated = spec.tolerations?.some(
      ({ key, operator, effect }) => !key && operator === 'Exists' && effect === 'NoExecute',
    );
    if (!isTolerated) spec.tolerations = [...(spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }];
  }
  pod.status = { phase: 'Pending' };
  check(pod);
  return pod;
}

function decode(text: string): Pod {
  const document = parse(text);
  const { apiVersion, kind } = (document ?? {}) as { apiVersion?: unknown; kind?: unknown };
  if (kind !== 'Pod' || apiVersion !== 'v1') {
    throw new StaticPodError(
      `couldn't parse as pod(it is ${String(apiVersion)} ${String(kind)}), please check config file`,
    );
  }
  const { message } = podDefinition;
  try {
    const json = Buffer.from(JSON.stringify(document));
    const { bytes } = referenceCodec.fromJson(message, json, { defaults: true, gvk: { apiVersion, kind } });
    const decoded = Buffer.from(referenceCodec.toJson(message, bytes, { apiVersion, kind })).toString('utf8');
    const pod = JSON.parse(decoded) as Pod;
    podDefinition.default?.(pod);
    return pod;
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new StaticPodError(`couldn't parse as pod(${error.message}), please check config file`);
  }
}

/** The first document; JSON is YAML. */
function parse(text: string): unknown {
  const [document] = parseAllDocuments(text, { logLevel: 'silent' });
  if (!document || !('errors' in document))
    throw new StaticPodError("couldn't parse as pod(it is empty), please check config file");
  const [problem] = document.errors;
  if (problem) {
    const line = problem.message.split('\n')[0]?.replace(/:$/, '');
    throw new StaticPodError(`couldn't parse as pod(${line}), please check config file`);
  }
  return document.toJS({ maxAliasCount: 100 });
}

/** Follows from what the file says, where it is and which node reads it. */
const uidOf = (pod: Pod, file: string, nodeName: string): string =>
  createHash('sha256')
    .update(JSON.stringify({ metadata: pod.metadata, spec: pod.spec }))
    .update(`host:${nodeName}`)
    .update(`file:${file}`)
    .digest('hex')
    .slice(0, 32);

function check(pod: Pod): void {
  const errors = [
    ...checkMetadata(pod),
    ...(podDefinition.validate?.(pod) ?? []),
    ...(podDefinition.validateCreate?.(pod) ?? []),
  ];
  if (errors.length > 0) {
    const texts = errors.map(({ field, message }) => `${field}: ${message}`);
    throw new StaticPodError(`invalid pod: ${texts.length === 1 ? texts[0] : `[${texts.join(', ')}]`}`);
  }
  const reference = apiReferenceOf(pod);
  if (reference) throw new StaticPodError(`static pods may not reference ${reference}`);
}

function* checkMetadata({ metadata }: Pod): Iterable<FieldError> {
  const { name = '', namespace = '' } = metadata;
  for (const text of dnsSubdomain(name)) yield fieldError.invalid(['metadata', 'name'], name, text);
  for (const text of dnsLabel(namespace)) yield fieldError.invalid(['metadata', 'namespace'], namespace, text);
  yield* validateLabels(metadata.labels, ['metadata', 'labels']);
  yield* validateAnnotations(metadata.annotations, ['metadata', 'annotations']);
}
