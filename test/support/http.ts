import { readFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { parse } from 'yaml';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body, when it is JSON. */
  json: { [key: string]: unknown; kind?: string; reason?: string; message?: string; code?: number };
}

export interface Ask {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface HttpClient {
  (ask: Ask): Promise<Answer>;
  /** Begins a request on a connection of its own: for streams, and for bodies that come slowly. */
  open(ask: Omit<Ask, 'body'>): ClientRequest;
  close(): void;
}

/** Raw HTTPS with the kubeconfig's client certificate, or with `token`, or (token '') with no credentials at all. */
export function httpClient(kubeconfigPath: string, token?: string): HttpClient {
  const config = parse(readFileSync(kubeconfigPath, 'utf8')) as {
    clusters: [{ cluster: { server: string; 'certificate-authority-data': string } }];
    users: [{ user: { 'client-certificate-data': string; 'client-key-data': string } }];
  };
  const decode = (text: string): Buffer => Buffer.from(text, 'base64');
  const { cluster } = config.clusters[0];
  const { user } = config.users[0];
  const credentials = {
    ca: decode(cluster['certificate-authority-data']),
    ...(token === undefined && { cert: decode(user['client-certificate-data']), key: decode(user['client-key-data']) }),
  };
  const agent = new Agent({ keepAlive: true, maxSockets: 64, ...credentials });
  const authorization: Record<string, string> = token ? { authorization: `Bearer ${token}` } : {};
  const send = ({ method = 'GET', path, headers = {}, body }: Ask): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        new URL(path, cluster.server),
        { method, agent, headers: { ...lengthOf(body, headers), ...authorization, ...headers } },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            const isJson = String(response.headers['content-type']).startsWith('application/json');
            resolve({
              status: response.statusCode ?? 0,
              headers: response.headers,
              text,
              json: isJson ? JSON.parse(text) : {},
            });
          });
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body);
    });
  const open = ({ method = 'GET', path, headers = {} }: Omit<Ask, 'body'>): ClientRequest => {
    const options = { method, agent: false, ...credentials, headers: { ...authorization, ...headers } } as const;
    return request(new URL(path, cluster.server), options).on('error', () => {});
  };
  return Object.assign(send, { open, close: () => agent.destroy() });
}

/** Node states none for the body of a DELETE. */
const lengthOf = (body: Ask['body'], headers: Record<string, string>): Record<string, string> =>
  body === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': String(Buffer.byteLength(body)) };
