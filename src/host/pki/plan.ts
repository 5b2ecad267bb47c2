/** The certificates of a node, as data: which signers there are, what each issues, and who trusts whom. */

export interface PkiOptions {
  hostname: string;
  nodeName: string;
  nodeIP: string;
  /** Address of the `kubernetes` endpoint. */
  advertiseAddress: string;
  /** First address of the service network: the `kubernetes` Service. */
  serviceIP: string;
  subjectAltNames: readonly string[];
  baseDomain: string;
}

export interface CertificatePlan {
  /** Folder below the signer's, and name in `Pki.certificate`. */
  name: CertificateName;
  /** File names: `client.crt`, `server.crt`, `peer.crt`. A peer is client and server. */
  use: 'client' | 'server' | 'peer';
  life: Life;
  commonName: string;
  organizations?: readonly string[];
  /** DNS names and IP addresses. */
  hosts?: readonly string[];
}

export interface SignerPlan {
  /** Folder below `certs/`, or below the parent's, and name in `Pki.signer`. */
  name: SignerName;
  commonName: string;
  life: Life;
  certificates: readonly CertificatePlan[];
  intermediate?: SignerPlan;
}

export type Life = 'short' | 'long';

export type SignerName =
  | 'kube-control-plane-signer'
  | 'kube-apiserver-to-kubelet-client-signer'
  | 'admin-kubeconfig-signer'
  | 'kubelet-csr-signer-signer'
  | 'csr-signer'
  | 'aggregator-signer'
  | 'service-ca'
  | 'ingress-ca'
  | 'kube-apiserver-external-signer'
  | 'kube-apiserver-localhost-signer'
  | 'kube-apiserver-service-network-signer'
  | 'etcd-signer';

export type CertificateName =
  | 'kube-controller-manager'
  | 'kube-scheduler'
  | 'cluster-policy-controller'
  | 'route-controller-manager'
  | 'kube-apiserver-to-kubelet-client'
  | 'metrics-server-kubelet-client'
  | 'admin-kubeconfig-client'
  | 'openshift-observability-client'
  | 'kubelet-client'
  | 'kubelet-server'
  | 'aggregator-client'
  | 'route-controller-manager-serving'
  | 'router-default-serving'
  | 'kube-external-serving'
  | 'kube-apiserver-localhost-serving'
  | 'kube-apiserver-service-network-serving'
  | 'apiserver-etcd-client'
  | 'etcd-peer'
  | 'etcd-serving';

export type BundleName = keyof typeof bundles;

/** Bundles in `certs/ca-bundle/`: file name and the signers in it. */
export const bundles = {
  'client-ca.crt': [
    'kube-control-plane-signer',
    'kube-apiserver-to-kubelet-client-signer',
    'admin-kubeconfig-signer',
    'kubelet-csr-signer-signer',
    'csr-signer',
  ],
  'kubelet-ca.crt': [
    'kube-control-plane-signer',
    'kube-apiserver-to-kubelet-client-signer',
    'admin-kubeconfig-signer',
    'kubelet-csr-signer-signer',
    'csr-signer',
  ],
  /** What TLS verifies client certificates against: users and nodes, and the front proxy. */
  'listener-client-ca.crt': [
    'kube-control-plane-signer',
    'kube-apiserver-to-kubelet-client-signer',
    'admin-kubeconfig-signer',
    'kubelet-csr-signer-signer',
    'csr-signer',
    'aggregator-signer',
  ],
  'kubelet-serving-ca.crt': ['kubelet-csr-signer-signer', 'csr-signer'],
  /** What pods trust the API server by: kube-root-ca.crt. */
  'service-account-token-ca.crt': [
    'kube-apiserver-localhost-signer',
    'kube-apiserver-service-network-signer',
    'kube-apiserver-external-signer',
  ],
} as const satisfies Record<string, readonly SignerName[]>;

/** Names of the API server inside the cluster. */
export const apiServiceNames: readonly string[] = ['kubernetes', 'openshift'].flatMap((service) =>
  ['', '.default', '.default.svc', '.default.svc.cluster.local'].map((suffix) => `${service}${suffix}`),
);

const client = (name: CertificateName, commonName: string, organizations?: readonly string[]): CertificatePlan => ({
  name,
  use: 'client',
  life: 'short',
  commonName,
  ...(organizations && { organizations }),
});

const server = (name: CertificateName, hosts: readonly string[]): CertificatePlan => {
  const unique = [...new Set(hosts.filter((host) => host !== ''))];
  return { name, use: 'server', life: 'short', commonName: unique[0] ?? name, hosts: unique };
};

const signer = (name: SignerName, life: Life, certificates: readonly CertificatePlan[]): SignerPlan => ({
  name,
  commonName: name,
  life,
  certificates,
});

/** All signers of a node. */
export function planPki(options: PkiOptions): SignerPlan[] {
  return [
    signer('kube-control-plane-signer', 'short', [
      client('kube-controller-manager', 'system:kube-controller-manager'),
      client('kube-scheduler', 'system:kube-scheduler'),
      client('cluster-policy-controller', 'system:kube-controller-manager'),
      client(
        'route-controller-manager',
        'system:serviceaccount:openshift-route-controller-manager:route-controller-manager-sa',
      ),
    ]),
    {
      ...signer('kube-apiserver-to-kubelet-client-signer', 'short', [
        client('kube-apiserver-to-kubelet-client', 'system:kube-apiserver', ['kube-master']),
        client('metrics-server-kubelet-client', 'system:metrics-server'),
      ]),
      commonName: 'kube-apiserver-to-kubelet-signer',
    },
    signer('admin-kubeconfig-signer', 'long', [
      { ...client('admin-kubeconfig-client', 'system:admin', ['system:masters']), life: 'long' },
      client('openshift-observability-client', 'openshift-observability-client'),
    ]),
    kubeletSigner(options),
    signer('aggregator-signer', 'short', [client('aggregator-client', 'system:openshift-aggregator')]),
    signer('service-ca', 'long', [
      server(
        'route-controller-manager-serving',
        ['', '.svc', '.svc.cluster.local'].map(
          (suffix) => `route-controller-manager.openshift-route-controller-manager${suffix}`,
        ),
      ),
    ]),
    signer('ingress-ca', 'long', [server('router-default-serving', [`*.apps.${options.baseDomain}`])]),
    ...apiServerSigners(options),
    etcdSigner(options),
  ];
}

function kubeletSigner({ nodeName, hostname, nodeIP }: PkiOptions): SignerPlan {
  return {
    ...signer('kubelet-csr-signer-signer', 'short', []),
    commonName: 'kubelet-signer',
    intermediate: {
      ...signer('csr-signer', 'short', [
        client('kubelet-client', `system:node:${nodeName}`, ['system:nodes']),
        server('kubelet-server', [hostname, nodeIP]),
      ]),
      commonName: 'kube-csr-signer',
    },
  };
}

/**
 * One listener serves every name and address with one certificate, the external one, which therefore carries the
 * service network's names and addresses and localhost, too. Pods trust all three signers (kube-root-ca.crt); for
 * kubeconfigs that trust only the localhost signer, that one cross-signs the external signer (`Pki.listener`).
 */
function apiServerSigners(options: PkiOptions): SignerPlan[] {
  const { hostname, baseDomain, subjectAltNames, nodeIP, advertiseAddress, serviceIP } = options;
  const serviceNetwork = [
    ...apiServiceNames,
    `api.${baseDomain}`,
    `api-int.${baseDomain}`,
    advertiseAddress,
    serviceIP,
  ];
  return [
    signer('kube-apiserver-external-signer', 'long', [
      server('kube-external-serving', [
        hostname,
        ...subjectAltNames,
        nodeIP,
        ...serviceNetwork,
        'localhost',
        '127.0.0.1',
        '::1',
      ]),
    ]),
    signer('kube-apiserver-localhost-signer', 'long', [server('kube-apiserver-localhost-serving', ['localhost'])]),
    signer('kube-apiserver-service-network-signer', 'long', [
      server('kube-apiserver-service-network-serving', serviceNetwork),
    ]),
  ];
}

function etcdSigner({ hostname, nodeIP }: PkiOptions): SignerPlan {
  const peer = (name: CertificateName, user: string, group: string): CertificatePlan => ({
    name,
    use: 'peer',
    life: 'long',
    commonName: user,
    organizations: [group],
    hosts: [...new Set(['localhost', hostname, nodeIP])],
  });
  return signer('etcd-signer', 'long', [
    { ...client('apiserver-etcd-client', 'etcd', ['etcd']), life: 'long' },
    peer('etcd-peer', 'system:etcd-peer:etcd-client', 'system:etcd-peers'),
    peer('etcd-serving', 'system:etcd-server:etcd-client', 'system:etcd-servers'),
  ]);
}
