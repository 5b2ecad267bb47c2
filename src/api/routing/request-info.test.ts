import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRequestInfo } from './request-info.ts';

const cases: readonly [target: string, expected: string][] = [
  ['GET /api', 'path get'],
  ['GET /api/v1', 'path get'],
  ['GET /apis/apps/v1', 'path get'],
  ['HEAD /healthz', 'path head'],
  ['GET /api/v1/pods', 'list  v1 pods'],
  ['GET /api/v1/pods?watch=1', 'watch  v1 pods'],
  ['GET /api/v1/pods?watch=', 'watch  v1 pods'],
  ['GET /api/v1/pods?watch=false', 'list  v1 pods'],
  ['GET /api/v1/watch/pods', 'watch  v1 pods'],
  ['GET /api/v1/watch/namespaces/n/pods/p', 'watch  v1 pods ns=n name=p'],
  ['GET /api/v1/namespaces', 'list  v1 namespaces'],
  ['GET /api/v1/namespaces/n', 'get  v1 namespaces ns=n name=n'],
  ['PUT /api/v1/namespaces/n/finalize', 'update  v1 namespaces ns=n name=n sub=finalize'],
  ['PATCH /api/v1/namespaces/n/status', 'patch  v1 namespaces ns=n name=n sub=status'],
  ['GET /api/v1/namespaces/n/pods', 'list  v1 pods ns=n'],
  ['DELETE /api/v1/namespaces/n/pods', 'deletecollection  v1 pods ns=n'],
  ['DELETE /api/v1/namespaces/n/pods/p', 'delete  v1 pods ns=n name=p'],
  ['POST /api/v1/namespaces/n/pods/p/exec', 'create  v1 pods ns=n name=p sub=exec'],
  [
    'GET /api/v1/namespaces/n/services/https:s:443/proxy/a%2Fb/c',
    'get  v1 services ns=n name=https:s:443 sub=proxy rest=a%2Fb/c',
  ],
  ['GET /apis/apps/v1/namespaces/n/deployments/d/scale', 'get apps v1 deployments ns=n name=d sub=scale'],
  ['GET /api/v1/nodes?fieldSelector=metadata.name%3Dx', 'list  v1 nodes name=x'],
  ['GET /api/v1/nodes?fieldSelector=metadata.name%3Da%2Fb', 'list  v1 nodes'],
  ['OPTIONS /api/v1/nodes', '  v1 nodes'],
];

for (const [target, expected] of cases) {
  test(target, () => {
    const [method = '', url = ''] = target.split(' ');
    const [path = '', query = ''] = url.split('?');
    const info = parseRequestInfo(method, path, new URLSearchParams(query));
    const parts = info.isResource
      ? [
          info.verb,
          info.group,
          info.version,
          info.resource,
          info.namespace && `ns=${info.namespace}`,
          info.name && `name=${info.name}`,
          info.subresource && `sub=${info.subresource}`,
          info.subpath.length > 0 && `rest=${info.subpath.join('/')}`,
        ].filter((part, index) => index < 4 || part)
      : ['path', info.verb];
    assert.equal(parts.join(' '), expected);
  });
}
