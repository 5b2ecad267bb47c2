/** A little world for authentication tests: objects that tokens are bound to, and a client that finds them. */
import { generateKeyPairSync } from 'node:crypto';
import type { Client } from '../../client/types.ts';
import { ManualClock } from '../../kernel/clock.ts';
import { apiError } from '../../kernel/status.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { CredentialSource } from '../types.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';
import type { SubjectKind, TokenSubjects } from './token-subjects.ts';

export const privateKeyPem = generateKeyPairSync('rsa', { modulusLength: 2048 })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString();

/** Objects by kind, namespace and name. */
export class FakeSubjects implements TokenSubjects {
  revision = 1;
  finds = 0;
  readonly #objects = new Map<string, KubeObject>();

  find(kind: SubjectKind, namespace: string, name: string): KubeObject | undefined {
    this.finds++;
    return this.#objects.get(keyOf(kind, namespace, name));
  }

  put(kind: SubjectKind, object: KubeObject): void {
    this.revision++;
    this.#objects.set(keyOf(kind, object.metadata.namespace ?? '', object.metadata.name ?? ''), object);
  }

  remove(kind: SubjectKind, namespace: string, name: string): void {
    this.revision++;
    this.#objects.delete(keyOf(kind, namespace, name));
  }

  /** A client that can only get. */
  client(): Client {
    const kinds: Record<string, SubjectKind> = {
      serviceaccounts: 'ServiceAccount',
      pods: 'Pod',
      secrets: 'Secret',
      nodes: 'Node',
    };
    const get = async (ref: { group: string; resource: string }, name: string, namespace?: string) => {
      const found = this.find(kinds[ref.resource]!, namespace ?? '', name);
      if (!found) throw apiError.notFound(ref, name);
      return found;
    };
    return { get } as unknown as Client;
  }
}

const keyOf = (kind: SubjectKind, namespace: string, name: string): string =>
  `${kind}/${kind === 'Node' ? '' : namespace}/${name}`;

/** Account `ns/robot`, its pod on node `edge`, and a secret. */
export function world() {
  const subjects = new FakeSubjects();
  const clock = new ManualClock();
  subjects.put('ServiceAccount', { metadata: { namespace: 'ns', name: 'robot', uid: 'sa-1' } });
  subjects.put('Pod', {
    metadata: { namespace: 'ns', name: 'pod', uid: 'pod-1' },
    spec: { serviceAccountName: 'robot', nodeName: 'edge' },
  } as KubeObject);
  subjects.put('Node', { metadata: { name: 'edge', uid: 'node-1' } });
  subjects.put('Secret', { metadata: { namespace: 'ns', name: 'secret', uid: 'secret-1' } });
  const tokens = new ServiceAccountTokens({ privateKeyPem, subjects, clock });
  return { subjects, clock, tokens };
}

/** A request with these headers and this certificate. */
export function source(
  headers: readonly (readonly [string, string])[] = [],
  clientCertificatePem?: string,
): CredentialSource {
  return {
    header: (name) => headers.find(([key]) => key === name)?.[1],
    headers: () => headers,
    clientCertificatePem,
  };
}
