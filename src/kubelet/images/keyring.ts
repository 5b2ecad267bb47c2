/** Which credentials of a pod's imagePullSecrets fit an image. */
import type { Secret } from '../../schema/generated/index.ts';

export interface Credentials {
  username: string;
  password: string;
  secret: { uid: string; namespace: string; name: string };
}

/** A Secret whose content is no Docker configuration. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError';
}

interface Entry extends Credentials {
  /** Host, with `*` as a wildcard in its labels, and a path that the repository begins with. */
  location: string;
}

const defaultRegistry = 'index.docker.io';

/** The credentials in `secrets` for `repository`, those of longer paths first. Throws KeyringError. */
export function credentialsFor(repository: string, secrets: readonly Secret[]): Credentials[] {
  const entries = secrets.flatMap(entriesOf).sort((a, b) => compare(b.location, a.location));
  const matching = entries.filter(({ location }) => matches(location, repository));
  if (matching.length > 0 || !isDefaultRegistry(repository)) return matching;
  return entries.filter(({ location }) => location === defaultRegistry);
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface DockerEntry {
  username?: string;
  password?: string;
  auth?: string;
}

function entriesOf(secret: Secret): Entry[] {
  const { name = '', namespace = '', uid = '' } = secret.metadata;
  return Object.entries(authsOf(secret)).flatMap(([location, entry]) => {
    const key = normalized(location);
    if (key === undefined) return [];
    return [{ location: key, ...userOf(entry), secret: { uid, namespace, name } }];
  });
}

function authsOf({ type, data = {} }: Secret): Record<string, DockerEntry> {
  const json = data['.dockerconfigjson'];
  const plain = data['.dockercfg'];
  if (type === 'kubernetes.io/dockerconfigjson' && json) return objectOf(objectOf(parse(json))['auths']);
  if (type === 'kubernetes.io/dockercfg' && plain) return objectOf(parse(plain));
  return {};
}

function parse(base64: string): unknown {
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString('utf8'));
  } catch (error) {
    throw new KeyringError((error as Error).message);
  }
}

const objectOf = (value: unknown): Record<string, DockerEntry & Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, DockerEntry & Record<string, unknown>>) : {};

function userOf({ username = '', password = '', auth = '' }: DockerEntry): { username: string; password: string } {
  if (!auth) return { username, password };
  const decoded = Buffer.from(auth, 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  if (colon < 0) {
    throw new KeyringError('unable to parse auth field, must be formatted as base64(username:password)');
  }
  return { username: decoded.slice(0, colon), password: decoded.slice(colon + 1) };
}

/** Without scheme, and without the version that Docker writes behind a host. */
function normalized(location: string): string | undefined {
  const match = /^(?:https?:\/\/)?([^/?#]+)([^?#]*)/.exec(location);
  if (!match) return undefined;
  const [, host = '', rest = ''] = match;
  const path = /^\/v[12]\//.test(rest) ? rest.slice(3) : rest;
  return path === '/' ? host : host + path;
}

function matches(location: string, repository: string): boolean {
  const pattern = split(location);
  const target = split(repository);
  return (
    pattern.port === target.port &&
    pattern.labels.length === target.labels.length &&
    target.path.startsWith(pattern.path) &&
    pattern.labels.every((label, index) => matchesLabel(label, target.labels[index] as string))
  );
}

function split(location: string): { labels: string[]; port: string; path: string } {
  const slash = location.indexOf('/');
  const authority = slash < 0 ? location : location.slice(0, slash);
  const [, host = '', port = ''] = /^(.*?)(?::(\d+))?$/.exec(authority) ?? [];
  return { labels: host.split('.'), port, path: slash < 0 ? '' : location.slice(slash) };
}

const matchesLabel = (pattern: string, label: string): boolean =>
  pattern.includes('*')
    ? new RegExp(`^${pattern.replace(/[\\^$.+?()[\]{}|]/g, '\\$&').replace(/\*+/g, '.*')}$`).test(label)
    : pattern === label;

/** On Docker Hub: its own host, or none. */
function isDefaultRegistry(repository: string): boolean {
  const first = repository.split('/', 1)[0] as string;
  return first === 'docker.io' || first === defaultRegistry || !/[.:]/.test(first);
}
