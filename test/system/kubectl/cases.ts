/** What a user does with kubectl, as tables: for every kind, and single commands. */
import type { Manifest } from './manifests.ts';

export interface Command {
  /** `FILE` is replaced by the path of a file with `input`. */
  args: string;
  input?: string;
  /** Exit code; 0 when absent. */
  code?: number;
  /** What the output (both streams) must contain. */
  expect?: RegExp;
  editor?: string;
}

/** Kinds with atomic or defaulted lists are `configured` again by every apply: kubectl's patch is not empty. */
const unchanged = /unchanged|configured/;

const forms = ['wide', 'yaml', 'json', 'name', 'jsonpath={.metadata.name}', 'custom-columns=N:.metadata.name'];

/** The life of one object. */
export function lifeOf({ resource, apiVersion, field, yaml }: Manifest, name: string): Command[] {
  const input = yaml.replace(/NAME\b/g, name);
  const relabelled = (value: string): string => input.replace('labels: {app: a}', `labels: {app: a, step: ${value}}`);
  const object = `${resource}/${name}`;
  const patch = (type: string, body: string): Command => ({
    args: `patch ${object} --type=${type} -p ${body}`,
    expect: /patched/,
  });
  return [
    { args: 'create -f FILE --dry-run=server -o name', input, expect: new RegExp(name) },
    { args: 'create -f FILE --save-config', input, expect: /created/ },
    { args: 'create -f FILE', input, code: 1, expect: /AlreadyExists/ },
    ...forms.map((form) => ({ args: `get ${object} -o ${form}`, expect: new RegExp(name) })),
    { args: `get ${resource} -l app=a --show-labels`, expect: /app=a/ },
    { args: `describe ${object}`, expect: new RegExp(`Name: +${name}`) },
    { args: 'diff -f FILE', input: relabelled('diffed'), code: 1, expect: /\+ +step: diffed/ },
    { args: 'apply -f FILE', input: relabelled('applied'), expect: /configured/ },
    { args: 'apply -f FILE', input: relabelled('applied'), expect: unchanged },
    {
      args: 'apply -f FILE --server-side --force-conflicts',
      input: relabelled('served'),
      expect: /serverside-applied/,
    },
    { args: `get ${object} -o jsonpath={.metadata.labels.step}`, expect: /^served$/ },
    patch('json', '[{"op":"add","path":"/metadata/labels/json","value":"1"}]'),
    patch('merge', '{"metadata":{"labels":{"merge":"1"}}}'),
    patch('strategic', '{"metadata":{"labels":{"strategic":"1"}}}'),
    { args: `label ${object} json- added=yes`, expect: /modified|labeled/ },
    { args: `annotate ${object} example.com/note=edit-me`, expect: /annotated/ },
    { args: `edit ${object}`, editor: 'sed -i s/edit-me/edited/', expect: /edited/ },
    {
      args: `get ${object} -o jsonpath={.metadata.labels}{.metadata.annotations.example\\.com/note}`,
      expect: /"added":"yes".*"merge":"1".*"strategic":"1".*edited$/,
    },
    { args: `explain ${resource.split('.', 1)[0]}.${field} --api-version=${apiVersion}`, expect: /FIELD|DESCRIPTION/ },
    { args: `auth can-i delete ${object}`, expect: /^yes/ },
    { args: `delete ${object} --wait=false`, expect: /deleted/ },
  ];
}

export const commands: readonly Command[] = [
  { args: 'get --raw /version', expect: /"gitVersion": "v1\.36/ },
  { args: 'cluster-info', expect: /control plane.* is running at/ },
  { args: 'api-versions', expect: /^apps\/v1$/m },
  { args: 'api-resources', expect: /^deployments +deploy +apps\/v1 +true +Deployment/m },
  { args: 'api-resources --namespaced=false -o name', expect: /^clusterroles\.rbac/m },
  { args: 'get --raw /readyz', expect: /^ok/ },
  { args: 'get --raw /readyz?verbose', expect: /readyz check passed/ },
  { args: 'explain pods --recursive', expect: /terminationGracePeriodSeconds/ },
  { args: 'explain nosuch', code: 1, expect: /the server doesn't have a resource type/ },
  { args: 'get nosuch', code: 1, expect: /the server doesn't have a resource type/ },
  { args: 'get pods none', code: 1, expect: /Error from server \(NotFound\): pods "none" not found/ },
  { args: 'get pods', expect: /No resources found in .* namespace/ },
  { args: 'auth can-i create pods', expect: /^yes/ },
  { args: 'auth can-i create pods --as jane', code: 1, expect: /^no/ },
  { args: 'auth can-i --list', expect: /\*\.\*/ },
  { args: 'auth can-i --list --as jane --as-group system:authenticated', expect: /selfsubjectaccessreviews/ },
  { args: 'auth whoami', expect: /system:masters/ },
  {
    args: 'get secrets --as jane',
    code: 1,
    expect: /secrets is forbidden: User "jane" cannot list resource "secrets"/,
  },
  { args: 'create configmap literal --from-literal=k=v', expect: /created/ },
  { args: 'create configmap literal --from-literal=k=v', code: 1, expect: /already exists/ },
  { args: 'create secret generic hidden --from-literal=k=v', expect: /created/ },
  { args: 'create serviceaccount robot', expect: /created/ },
  { args: 'create token robot', expect: /^ey/ },
  { args: 'create role reader --verb=get,list --resource=pods', expect: /created/ },
  { args: 'create rolebinding reads --role=reader --serviceaccount=default:robot', expect: /created/ },
  { args: 'create quota q --hard=pods=40', expect: /created/ },
  { args: 'create deployment web --image=registry.example/a:1 --replicas=2', expect: /created/ },
  { args: 'expose deployment web --port=80', expect: /exposed/ },
  { args: 'set image deployment/web a=registry.example/a:2', expect: /image updated/ },
  { args: 'set env deployment/web K=V', expect: /env updated/ },
  { args: 'scale deployment web --replicas=3', expect: /scaled/ },
  {
    args: 'scale deployment web --replicas=5 --current-replicas=9',
    code: 1,
    expect: /Expected replicas to be 9, was 3/,
  },
  { args: 'get deployment web -o jsonpath={.spec.replicas}', expect: /^3$/ },
  { args: 'autoscale deployment web --min=1 --max=4 --cpu-percent=50', expect: /autoscaled/ },
  { args: 'rollout status deployment/web --watch=false', expect: /Waiting for deployment|rolled out/ },
  { args: 'rollout history deployment/web', expect: /deployment.apps\/web/ },
  { args: 'rollout pause deployment/web', expect: /paused/ },
  { args: 'rollout resume deployment/web', expect: /resumed/ },
  { args: 'rollout restart deployment/web', expect: /restarted/ },
  { args: 'run single --image=registry.example/a:1 --labels=app=single', expect: /created/ },
  { args: 'get pods --field-selector=status.phase=Pending', expect: /single/ },
  { args: 'get pods --field-selector=nosuch=x', code: 1, expect: /field label not supported: nosuch/ },
  { args: 'get pods -l app=single -o wide', expect: /NOMINATED NODE/ },
  { args: 'get all', expect: /deployment.apps\/web/ },
  { args: 'get configmaps --chunk-size=1 --sort-by=.metadata.name', expect: /literal/ },
  { args: 'get configmaps,secrets -o name', expect: /secret\/hidden/ },
  { args: 'get configmap literal -o go-template={{.data.k}}', expect: /^v$/ },
  { args: 'get configmap literal --show-managed-fields -o yaml', expect: /f:data/ },
  { args: 'get events', expect: /No resources found|LAST SEEN/ },
  { args: 'events', expect: /No events found|LAST SEEN/ },
  { args: 'wait pod/single --for=jsonpath={.status.phase}=Pending --timeout=5s', expect: /condition met/ },
  {
    args: 'replace -f FILE',
    input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: literal}\ndata: {k: w}\n',
    expect: /replaced/,
  },
  {
    args: 'apply -f FILE',
    input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bad}\ndatta: {}\n',
    code: 1,
    expect: /unknown field "datta"/,
  },
  {
    args: 'apply --server-side -f FILE --field-manager=other',
    input: 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: literal}\ndata: {k: x}\n',
    code: 1,
    expect: /conflict with "kubectl-replace"/,
  },
  { args: 'delete deployment web --cascade=orphan --wait=false', expect: /deleted/ },
  { args: 'delete service,hpa web --cascade=background', expect: /deleted/ },
  { args: 'delete pod single --cascade=foreground --wait=false --grace-period=0 --force', expect: /deleted/ },
  { args: 'delete configmap literal --dry-run=server', expect: /server dry run/ },
  { args: 'delete configmaps --all', expect: /"literal" deleted/ },
];
