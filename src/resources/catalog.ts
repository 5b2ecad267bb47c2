/** Identity of every resource that Kubernetes 1.36 serves by default. */
import { allVerbs, type ResourceDefinition, type Verb } from './define.ts';

export type Identity = Pick<
  ResourceDefinition,
  | 'group'
  | 'version'
  | 'resource'
  | 'kind'
  | 'singular'
  | 'shortNames'
  | 'categories'
  | 'scope'
  | 'message'
  | 'verbs'
  | 'storageVersionHash'
  | 'storagePath'
>;

/**
 * A line per API group: version and package of its messages. Then one per resource: plural, kind, and what is not as
 * usual. `at`: key segment below the store's prefix, when it is not the plural (empty: not stored under this name);
 * `can`: verbs, when not all; `in`: categories; `hash`: storageVersionHash, the first 8 bytes of
 * sha256(`group/version/kind`) of the stored version.
 */
const table = `
v1 core
  bindings Binding at: can:create
  componentstatuses ComponentStatus cluster short:cs can:get,list
  configmaps ConfigMap short:cm hash:qFsyl6wFWjQ=
  endpoints Endpoints at:services/endpoints short:ep hash:fWeeMqaN/OA=
  events Event short:ev hash:r2yiGXH7wu8=
  limitranges LimitRange short:limits hash:EBKMFVe6cwo=
  namespaces Namespace cluster short:ns can:create,delete,get,list,patch,update,watch hash:Q3oi5N2YM8M=
  nodes Node cluster at:minions short:no hash:XwShjMxG9Fs=
  persistentvolumeclaims PersistentVolumeClaim short:pvc hash:QWTyNDq0dC4=
  persistentvolumes PersistentVolume cluster short:pv hash:HN/zwEC+JgM=
  pods Pod short:po in:all hash:xPOwRZ+Yhw8=
  podtemplates PodTemplate hash:LIXB2x4IFpk=
  replicationcontrollers ReplicationController at:controllers short:rc in:all hash:Jond2If31h0=
  resourcequotas ResourceQuota short:quota hash:8uhSgffRX6w=
  secrets Secret hash:S6u1pOWzb84=
  serviceaccounts ServiceAccount short:sa hash:pbx9ZvyFpBE=
  services Service at:services/specs short:svc in:all hash:0/CO1lhkEBI=
apps/v1 apps
  controllerrevisions ControllerRevision hash:85nkx63pcBU=
  daemonsets DaemonSet short:ds in:all hash:dd7pWHUlMKQ=
  deployments Deployment short:deploy in:all hash:8aSe+NMegvE=
  replicasets ReplicaSet short:rs in:all hash:P1RzHs8/mWQ=
  statefulsets StatefulSet short:sts in:all hash:H+vl74LkKdo=
events.k8s.io/v1 events
  events Event at: short:ev hash:r2yiGXH7wu8=
authentication.k8s.io/v1 authentication
  selfsubjectreviews SelfSubjectReview cluster at: can:create
  tokenreviews TokenReview cluster at: can:create
authorization.k8s.io/v1 authorization
  localsubjectaccessreviews LocalSubjectAccessReview at: can:create
  selfsubjectaccessreviews SelfSubjectAccessReview cluster at: can:create
  selfsubjectrulesreviews SelfSubjectRulesReview cluster at: can:create
  subjectaccessreviews SubjectAccessReview cluster at: can:create
autoscaling/v1 autoscaling
  horizontalpodautoscalers HorizontalPodAutoscaler at: short:hpa in:all hash:qwQve8ut294=
autoscaling/v2 autoscaling
  horizontalpodautoscalers HorizontalPodAutoscaler short:hpa in:all hash:qwQve8ut294=
batch/v1 batch
  cronjobs CronJob short:cj in:all hash:sd5LIXh4Fjs=
  jobs Job in:all hash:mudhfqk/qZY=
certificates.k8s.io/v1 certificates
  certificatesigningrequests CertificateSigningRequest cluster short:csr hash:95fRKMXA+00=
networking.k8s.io/v1 networking
  ingressclasses IngressClass cluster hash:l/iqIbDgFyQ=
  ingresses Ingress at:ingress short:ing hash:39NQlfNR+bo=
  ipaddresses IPAddress cluster short:ip hash:3f/plJFChNE=
  networkpolicies NetworkPolicy short:netpol hash:YpfwF18m1G8=
  servicecidrs ServiceCIDR cluster hash:gNLvruQhW2g=
policy/v1 policy
  poddisruptionbudgets PodDisruptionBudget short:pdb hash:EVWiDmWqyJw=
rbac.authorization.k8s.io/v1 rbac
  clusterrolebindings ClusterRoleBinding cluster hash:48tpQ8gZHFc=
  clusterroles ClusterRole cluster hash:bYE5ZWDrJ44=
  rolebindings RoleBinding hash:eGsCzGH6b1g=
  roles Role hash:7FuwZcIIItM=
storage.k8s.io/v1 storage
  csidrivers CSIDriver cluster hash:hL6j/rwBV5w=
  csinodes CSINode cluster hash:Pe62DkZtjuo=
  csistoragecapacities CSIStorageCapacity hash:xeVl+2Ly1kE=
  storageclasses StorageClass cluster short:sc hash:K+m6uJwbjGY=
  volumeattachments VolumeAttachment cluster hash:tJx/ezt6UDU=
  volumeattributesclasses VolumeAttributesClass cluster short:vac hash:tIjydgKBC5w=
admissionregistration.k8s.io/v1 admissionregistration
  mutatingadmissionpolicies MutatingAdmissionPolicy cluster in:api-extensions hash:LYmCf+UMVdg=
  mutatingadmissionpolicybindings MutatingAdmissionPolicyBinding cluster in:api-extensions hash:90V5FRZZ3Zg=
  mutatingwebhookconfigurations MutatingWebhookConfiguration cluster in:api-extensions hash:Sqi0GUgDaX0=
  validatingadmissionpolicies ValidatingAdmissionPolicy cluster in:api-extensions hash:6OxvlMmQ6is=
  validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding cluster in:api-extensions hash:v9715VZqakg=
  validatingwebhookconfigurations ValidatingWebhookConfiguration cluster in:api-extensions hash:B0wHjQmsGNk=
apiextensions.k8s.io/v1 apiextensions
  customresourcedefinitions CustomResourceDefinition cluster at:apiextensions.k8s.io/customresourcedefinitions short:crd,crds in:api-extensions hash:jfWCUB31mvA=
scheduling.k8s.io/v1 scheduling
  priorityclasses PriorityClass cluster short:pc hash:1QwjyaZjj3Y=
coordination.k8s.io/v1 coordination
  leases Lease hash:gqkMMb/YqFM=
node.k8s.io/v1 node
  runtimeclasses RuntimeClass cluster hash:WQTu1GL3T2Q=
discovery.k8s.io/v1 discovery
  endpointslices EndpointSlice hash:qgS0xkrxYAI=
resource.k8s.io/v1 resource
  deviceclasses DeviceClass cluster hash:Yk2PTc1Ybxk=
  resourceclaims ResourceClaim hash:wgAZaHcZxUg=
  resourceclaimtemplates ResourceClaimTemplate hash:TuzjC49aUfM=
  resourceslices ResourceSlice cluster hash:KsC072WgaEY=
flowcontrol.apiserver.k8s.io/v1 flowcontrol
  flowschemas FlowSchema cluster hash:GJVAJZSZBIw=
  prioritylevelconfigurations PriorityLevelConfiguration cluster hash:Kir5PVfvNeI=
apiregistration.k8s.io/v1 apiregistration
  apiservices APIService cluster at:apiregistration.k8s.io/apiservices in:api-extensions hash:InPBPD7+PqM=
`;

export const catalog: readonly Identity[] = parse(table);

function parse(text: string): Identity[] {
  const rows: Identity[] = [];
  let [group, version, messages] = ['', '', ''];
  for (const line of text.trim().split('\n')) {
    const [first = '', second = '', ...marks] = line.trim().split(' ');
    if (line.startsWith(' ')) rows.push(row({ group, version, resource: first, kind: second }, messages, marks));
    else {
      group = first.slice(0, Math.max(0, first.lastIndexOf('/')));
      version = first.slice(first.lastIndexOf('/') + 1);
      messages = `${second}/${version}`;
    }
  }
  return rows;
}

function row(
  names: Pick<Identity, 'group' | 'version' | 'resource' | 'kind'>,
  messages: string,
  marks: readonly string[],
): Identity {
  const mark = (name: string): string | undefined =>
    marks.find((one) => one.startsWith(`${name}:`))?.slice(name.length + 1);
  const [short, categories, hash] = [mark('short'), mark('in'), mark('hash')];
  const storagePath = mark('at') ?? names.resource;
  return {
    ...names,
    scope: marks.includes('cluster') ? 'Cluster' : 'Namespaced',
    message: `${messages}.${names.kind}`,
    verbs: (mark('can')?.split(',') as Verb[] | undefined) ?? allVerbs,
    ...(short && { shortNames: short.split(',') }),
    ...(categories && { categories: categories.split(',') }),
    ...(hash && { storageVersionHash: hash }),
    ...(storagePath && { storagePath }),
  };
}

const byKey = new Map(catalog.map((row) => [`${row.group}/${row.version}/${row.resource}`, row]));

/** The row of a resource, e.g. `apps/v1/deployments`, `/v1/pods`. */
export function identity(key: string): Identity {
  const row = byKey.get(key);
  if (!row) throw new Error(`no such resource in the catalog: ${key}`);
  return row;
}
