/** Image references by the grammar of github.com/distribution/reference, normalised as Docker does; same error texts. */

export interface ImageReference {
  /** With its registry: `docker.io/library/busybox`. */
  repository: string;
  tag: string;
  /** `sha256:…` or ''. */
  digest: string;
}

/** A text that names no image. The message is upstream's. */
export class ImageNameError extends Error {
  override readonly name = 'ImageNameError';
}

const alphanumeric = '[a-z0-9]+';
const component = `${alphanumeric}(?:(?:[._]|__|-+)${alphanumeric})*`;
const path = `${component}(?:/${component})*`;
const label = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const host = `(?:${label}(?:\\.${label})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?`;
const digest = '[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}';
const reference = new RegExp(`^((?:${host}/)?${path})(?::([\\w][\\w.-]{0,127}))?(?:@(${digest}))?$`);
const name = new RegExp(`^(?:(${host})/)?(${path})$`);
const identifier = /^[a-f0-9]{64}$/;
const pathLimit = 255;

/** Reads a reference as people write it. A missing tag becomes `latest` unless there is a digest. Throws ImageNameError. */
export function parseReference(text: string): ImageReference {
  try {
    return parseNormalized(text);
  } catch (error) {
    if (!(error instanceof ImageNameError)) throw error;
    throw new ImageNameError(`couldn't parse image name ${JSON.stringify(text)}: ${error.message}`);
  }
}

/** `text` with `:latest` behind it when it names neither tag nor digest; short names stay short. Throws ImageNameError. */
export function withDefaultTag(text: string): string {
  const { tag, digest: found } = parseReference(text);
  return found || text.endsWith(`:${tag}`) ? text : `${text}:${tag}`;
}

function parseNormalized(text: string): ImageReference {
  if (identifier.test(text)) {
    throw new ImageNameError(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  const { domain, remainder } = splitDomain(text);
  const remote = remainder.split(':', 1)[0] as string;
  if (remote.toLowerCase() !== remote) {
    throw new ImageNameError(`invalid reference format: repository name (${remote}) must be lowercase`);
  }
  return parseCanonical(`${domain}/${remainder}`);
}

function parseCanonical(text: string): ImageReference {
  const match = reference.exec(text);
  if (!match) {
    const isUpperCase = reference.test(text.toLowerCase());
    throw new ImageNameError(isUpperCase ? 'repository name must be lowercase' : 'invalid reference format');
  }
  const [, repository = '', tag = '', found = ''] = match;
  if ((name.exec(repository)?.[2] ?? '').length > pathLimit) {
    throw new ImageNameError(`repository name must not be more than ${pathLimit} characters`);
  }
  if (found) checkDigest(found);
  return { repository, tag: tag || (found ? '' : 'latest'), digest: found };
}

function splitDomain(text: string): { domain: string; remainder: string } {
  const slash = text.indexOf('/');
  if (slash < 0) return { domain: 'docker.io', remainder: `library/${text}` };
  const first = text.slice(0, slash);
  const rest = text.slice(slash + 1);
  const isDomain = first === 'localhost' || /[.:]/.test(first) || first.toLowerCase() !== first;
  const domain = first === 'index.docker.io' || !isDomain ? 'docker.io' : first;
  const remainder = isDomain ? rest : text;
  const isOfficial = domain === 'docker.io' && !remainder.includes('/');
  return { domain, remainder: isOfficial ? `library/${remainder}` : remainder };
}

const digestLength: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };

function checkDigest(text: string): void {
  const [algorithm = '', encoded = ''] = text.split(':');
  const length = Object.hasOwn(digestLength, algorithm) ? digestLength[algorithm] : undefined;
  if (length === undefined) throw new ImageNameError('unsupported digest algorithm');
  if (encoded.length !== length) throw new ImageNameError('invalid checksum digest length');
  if (!/^[a-f0-9]+$/.test(encoded)) throw new ImageNameError('invalid checksum digest format');
}
