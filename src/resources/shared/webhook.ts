// How the API server calls out: shared by admission webhooks, conversion webhooks and API services.
import { type FieldError, type FieldPath, fieldError as e } from '../../kernel/status.ts';
import { portNumber } from './names.ts';

interface ServiceReference {
  namespace?: string;
  name?: string;
  path?: string;
  port?: number;
}

export interface ClientConfig {
  url?: string;
  service?: ServiceReference;
  caBundle?: string;
}

export function* validateClientConfig(config: ClientConfig, path: FieldPath): Iterable<FieldError> {
  if ((config.url === undefined) === (config.service === undefined)) {
    yield e.required(path, 'exactly one of url or service is required');
    return;
  }
  if (config.url !== undefined) yield* validateUrl(config.url, [...path, 'url']);
  if (config.service) yield* validateServiceReference(config.service, [...path, 'service']);
}

const form = '; desired format: https://host[/path]';

function* validateUrl(text: string, path: FieldPath): Iterable<FieldError> {
  const url = URL.parse(text);
  if (!url) {
    yield e.required(path, `url must be a valid URL: parse "${text}": invalid URI for request${form}`);
    return;
  }
  if (url.protocol !== 'https:') {
    yield e.invalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme${form}`);
  }
  if (!url.host) yield e.invalid(path, url.host, `host must be specified${form}`);
  if (url.username || url.password)
    yield e.invalid(
      path,
      url.password ? `${url.username}:${url.password}` : url.username,
      'user information is not permitted in the URL',
    );
  if (url.hash) yield e.invalid(path, url.hash.slice(1), 'fragments are not permitted in the URL');
  if (url.search) yield e.invalid(path, url.search.slice(1), 'query parameters are not permitted in the URL');
}

export function* validateServiceReference(service: ServiceReference, path: FieldPath): Iterable<FieldError> {
  if (!service.name) yield e.required([...path, 'name'], 'service name is required');
  if (!service.namespace) yield e.required([...path, 'namespace'], 'service namespace is required');
  if (portNumber(service.port ?? 443).length > 0) {
    yield e.invalid([...path, 'port'], service.port, `port is not valid: ${portNumber(service.port).join(',')}`);
  }
  const text = service.path;
  if (text === undefined || text === '/') return;
  if (!text.startsWith('/')) yield e.invalid([...path, 'path'], text, "must start with a '/'");
  const steps = text.slice(1).replace(/\/$/, '').split('/');
  for (const [i, step] of steps.entries()) {
    if (!step) yield e.invalid([...path, 'path'], text, `segment[${i}] may not be empty`);
  }
}
