import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type HttpClient, httpClient } from '../support/http.ts';
import { type RunningServer, startServer } from '../support/server.ts';

let server: RunningServer;
let ask: HttpClient;

before(async () => {
  server = await startServer({ store: 'memory' });
  ask = httpClient(server.kubeconfig);
});
after(async () => {
  ask?.close();
  await server?.stop();
});

/** A P-256 request for CN=u, O=g. */
const request = `-----BEGIN CERTIFICATE REQUEST-----
MIHSMHoCAQAwGDEKMAgGA1UEAwwBdTEKMAgGA1UECgwBZzBZMBMGByqGSM49AgEG
CCqGSM49AwEHA0IABFTzREm/4OIlfcRP5JCQIrXbFvPPctyOg7dRZNnhc3Rl5lPu
G+mOXQJ42/T/FiKrpu0RxqdMKNNuRt2EODoPMRygADAKBggqhkjOPQQDAgNIADBF
AiEA540vfqk8A0OTNSCOktLo4tRMXBFpvmSs5nkVlJVkig0CIEi8uwbtWRi4yaSY
8QCGxZGi4SKW5KX0DBRnmiXVdU1X
-----END CERTIFICATE REQUEST-----
`;

test('the bundle reads signing requests for the signers that admission guards', async () => {
  const created = await ask({
    method: 'POST',
    path: '/apis/certificates.k8s.io/v1/certificatesigningrequests',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      metadata: { name: 'u' },
      spec: {
        request: Buffer.from(request).toString('base64'),
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
      },
    }),
  });
  assert.equal(created.status, 201, created.text);
});
