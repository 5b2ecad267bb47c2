import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { StatusError } from '../../kernel/index.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { AccessAttributes, AdmissionRequest } from '../types.ts';
import { type AdmissionDeps, admissionChain } from './index.ts';
import { lookupOf, plugin, podRequest, requestOf, run } from './testing.ts';

const refusal =
  (message: string) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof StatusError);
    assert.equal(error.message, message);
    return true;
  };

const admit = (name: string, request: AdmissionRequest, deps: Partial<AdmissionDeps> = {}) =>
  run(plugin(name, deps), request);

const namespace = (name: string, phase = 'Active') => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
  status: { phase },
});

test('plugins run in the order of upstream, and one without a place is refused', () => {
  const deps: AdmissionDeps = {
    lookup: lookupOf(),
    authorizer: { authorize: () => ({ allowed: false, reason: '' }) },
    clock: undefined as unknown as AdmissionDeps['clock'],
    generateName: (base) => base,
  };
  const quota = { name: 'ResourceQuota', handles: () => true };
  const names = admissionChain({ ...deps, others: [quota] }).map(({ name }) => name);
  assert.deepEqual([names[0], names.at(-1)], ['NamespaceLifecycle', 'ResourceQuota']);
  assert.ok(names.indexOf('ServiceAccount') < names.indexOf('Priority'));
  assert.throws(() => admissionChain({ ...deps, others: [{ ...quota, name: 'Odd' }] }), /Odd has no place/);
});

// --- NamespaceLifecycle

const pod = (): KubeObject => ({ metadata: { name: 'web', namespace: 'shop' } });

test('an object is created in an existing namespace only', async () => {
  await admit('NamespaceLifecycle', podRequest({ object: pod() }), { lookup: lookupOf(namespace('shop')) });
  await assert.rejects(
    admit('NamespaceLifecycle', podRequest({ object: pod() })),
    refusal('namespaces "shop" not found'),
  );
});

test('nothing is created in a namespace that goes away; updates and deletions go on', async () => {
  const deps = { lookup: lookupOf(namespace('shop', 'Terminating')) };
  await assert.rejects(admit('NamespaceLifecycle', podRequest({ object: pod() }), deps), (error: StatusError) => {
    assert.equal(
      error.message,
      'pods "web" is forbidden: unable to create new content in namespace shop because it is being terminated',
    );
    assert.deepEqual(error.status.details, {
      name: 'web',
      kind: 'pods',
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: 'namespace shop is being terminated',
          field: 'metadata.namespace',
        },
      ],
    });
    return true;
  });
  await admit('NamespaceLifecycle', podRequest({ object: pod(), oldObject: pod() }), deps);
  await admit('NamespaceLifecycle', podRequest({ operation: 'DELETE', oldObject: pod() }), deps);
});

test('default, kube-system and kube-public are never deleted', async () => {
  const deletion = (name: string) =>
    admit('NamespaceLifecycle', requestOf('/namespaces', 'Namespace', { operation: 'DELETE', name, namespace: name }));
  await deletion('shop');
  for (const name of ['default', 'kube-system', 'kube-public']) {
    await assert.rejects(
      deletion(name),
      refusal(`namespaces "${name}" is forbidden: this namespace may not be deleted`),
    );
  }
});

test('an access review does not tell whether its namespace exists', () =>
  admit(
    'NamespaceLifecycle',
    requestOf('authorization.k8s.io/localsubjectaccessreviews', 'LocalSubjectAccessReview', {
      object: { metadata: { namespace: 'ghost' } },
    }),
  ));

// --- nodes, priority classes

test('a new node is tainted as not ready, once', async () => {
  const node: KubeObject & { spec: { taints?: object[] } } = { metadata: { name: 'n' }, spec: {} };
  for (let i = 0; i < 2; i++) await admit('TaintNodesByCondition', requestOf('/nodes', 'Node', { object: node }));
  assert.deepEqual(node.spec.taints, [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
});

test('only one priority class is the default', async () => {
  const usual = {
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: 'usual' },
    globalDefault: true,
  };
  const request = (name: string, oldObject?: KubeObject) =>
    requestOf('scheduling.k8s.io/priorityclasses', 'PriorityClass', {
      object: { ...usual, metadata: { name } },
      ...(oldObject && { oldObject }),
    });
  const deps = { lookup: lookupOf(usual) };
  await assert.rejects(
    admit('Priority', request('other'), deps),
    refusal(
      'priorityclasses.scheduling.k8s.io "other" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    ),
  );
  await admit('Priority', request('usual', { metadata: { name: 'usual' } }), deps);
});

// --- storage, ingress

const storageClass = (name: string, creationTimestamp: string, more: object = {}) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: {
    name,
    creationTimestamp,
    annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' },
  },
  ...more,
});

interface Claim extends KubeObject {
  spec?: { storageClassName?: string; resources?: { requests: Record<string, string> } };
  status?: { phase: string };
}

const claimRequest = (object: Claim, oldObject?: Claim) =>
  requestOf('/persistentvolumeclaims', 'PersistentVolumeClaim', { object, ...(oldObject && { oldObject }) });

test('a claim without a class gets the newest default; an empty class is a choice', async () => {
  const lookup = lookupOf(storageClass('old', '2026-01-01T00:00:00Z'), storageClass('new', '2026-02-01T00:00:00Z'));
  const silent: Claim = { metadata: { name: 'c', namespace: 'shop' } };
  await admit('DefaultStorageClass', claimRequest(silent), { lookup });
  assert.equal(silent.spec?.storageClassName, 'new');
  const none: Claim = { metadata: { name: 'c', namespace: 'shop' }, spec: { storageClassName: '' } };
  await admit('DefaultStorageClass', claimRequest(none), { lookup });
  assert.equal(none.spec?.storageClassName, '');
});

test('claims and volumes carry a finalizer of their kind', async () => {
  const claim: Claim = { metadata: { name: 'c', namespace: 'shop', finalizers: ['x/y'] } };
  await admit('StorageObjectInUseProtection', claimRequest(claim));
  assert.deepEqual(claim.metadata.finalizers, ['x/y', 'kubernetes.io/pvc-protection']);
  const volume: KubeObject = { metadata: { name: 'v' } };
  await admit('StorageObjectInUseProtection', requestOf('/persistentvolumes', 'PersistentVolume', { object: volume }));
  assert.deepEqual(volume.metadata.finalizers, ['kubernetes.io/pv-protection']);
});

test('a claim grows only when it is bound and its class allows it', async () => {
  const claim = (storage: string, phase = 'Bound'): Claim => ({
    metadata: { name: 'c', namespace: 'shop' },
    spec: { storageClassName: 'fast', resources: { requests: { storage } } },
    status: { phase },
  });
  const deps = (allowVolumeExpansion: boolean) => ({
    lookup: lookupOf(storageClass('fast', '2026-01-01T00:00:00Z', { allowVolumeExpansion })),
  });
  const name = 'PersistentVolumeClaimResize';
  await admit(name, claimRequest(claim('2Gi'), claim('1Gi')), deps(true));
  await admit(name, claimRequest(claim('1024Mi'), claim('1Gi')), deps(false));
  await assert.rejects(
    admit(name, claimRequest(claim('2Gi'), claim('1Gi', 'Pending')), deps(true)),
    refusal('persistentvolumeclaims "c" is forbidden: Only bound persistent volume claims can be expanded'),
  );
  await assert.rejects(
    admit(name, claimRequest(claim('2Gi'), claim('1Gi')), deps(false)),
    refusal(
      'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    ),
  );
});

test('an ingress that names no class in either way gets the default one', async () => {
  const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
  const ingressClass = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'IngressClass',
    metadata: { name: 'router', annotations },
  };
  const deps = { lookup: lookupOf(ingressClass) };
  const request = (object: KubeObject) => requestOf('networking.k8s.io/ingresses', 'Ingress', { object });
  const silent: KubeObject & { spec?: object } = { metadata: { name: 'i', namespace: 'shop' } };
  await admit('DefaultIngressClass', request(silent), deps);
  assert.deepEqual(silent.spec, { ingressClassName: 'router' });
  const legacy: KubeObject & { spec?: object } = {
    metadata: { name: 'i', namespace: 'shop', annotations: { 'kubernetes.io/ingress.class': 'nginx' } },
  };
  await admit('DefaultIngressClass', request(legacy), deps);
  assert.equal(legacy.spec, undefined);
});

// --- certificates

const csrRequest = (subresource: string, object: KubeObject, oldObject?: KubeObject) =>
  requestOf('certificates.k8s.io/certificatesigningrequests', 'CertificateSigningRequest', {
    object,
    subresource,
    ...(oldObject && { oldObject }),
  });

test('approving and signing need leave for the signer, by its name or for all of its domain', async () => {
  const csr = (status: object = {}) => ({
    metadata: { name: 'c' },
    spec: { signerName: 'example.com/robots' },
    status,
  });
  const asked: string[] = [];
  const only = (name: string) => ({
    authorizer: {
      authorize: (attributes: AccessAttributes) => {
        asked.push(`${attributes.verb} ${attributes.resource} ${attributes.name}`);
        return { allowed: attributes.name === name, reason: '' };
      },
    },
  });
  await admit('CertificateApproval', csrRequest('approval', csr(), csr()), only('example.com/*'));
  assert.deepEqual(asked, ['approve signers example.com/robots', 'approve signers example.com/*']);
  await assert.rejects(
    admit('CertificateApproval', csrRequest('approval', csr(), csr()), only('other')),
    refusal(
      'certificatesigningrequests.certificates.k8s.io "c" is forbidden: user not permitted to approve requests with signerName "example.com/robots"',
    ),
  );
  await admit('CertificateSigning', csrRequest('status', csr(), csr()), only('other'));
  await assert.rejects(
    admit('CertificateSigning', csrRequest('status', csr({ certificate: 'eA==' }), csr()), only('other')),
    refusal(
      'certificatesigningrequests.certificates.k8s.io "c" is forbidden: user not permitted to sign requests with signerName "example.com/robots"',
    ),
  );
});

async function encodedRequest(name: string): Promise<string> {
  await import('reflect-metadata');
  const { Pkcs10CertificateRequestGenerator } = await import('@peculiar/x509');
  const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
  const signingAlgorithm = { name: 'ECDSA', hash: 'SHA-256' };
  const made = await Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm }, webcrypto);
  return Buffer.from(made.toString('pem')).toString('base64');
}

test('nobody asks for a client certificate of system:masters', async () => {
  const csr = async (name: string, signerName: string) =>
    csrRequest('', {
      metadata: { name: 'c' },
      spec: { signerName, request: await encodedRequest(name) },
    } as KubeObject);
  const plugin = 'CertificateSubjectRestriction';
  const signer = 'kubernetes.io/kube-apiserver-client';
  await admit(plugin, await csr('CN=jane, O=devs', signer));
  await admit(plugin, await csr('CN=jane, O=system:masters', 'example.com/other'));
  await assert.rejects(
    admit(plugin, await csr('CN=jane, O=devs, O=system:masters', signer)),
    refusal(
      'certificatesigningrequests.certificates.k8s.io "c" is forbidden: use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    ),
  );
});
