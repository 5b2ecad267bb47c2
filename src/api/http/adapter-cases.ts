/** What the cases share that run against both adapters: whoever serves, the API behaves alike. */
import { describe, test } from 'node:test';
import { RawClient, silentLog, startServer, TestAuthority, type TestServer } from './test-support.ts';
import type { HttpHandler } from './types.ts';
import { loadUws } from './uws-addon.ts';

export const [authority, foreign] = await Promise.all([TestAuthority.create('ca'), TestAuthority.create('foreign')]);
const serverCert = await authority.issue('CN=one', ['localhost', '127.0.0.1']);
export const clientCert = await authority.issue('O=system:masters, CN=admin');

export const tlsFiles = {
  certFile: serverCert.certFile,
  keyFile: serverCert.keyFile,
  clientCaFile: authority.caFile,
};

export type Adapter = 'uws' | 'node';
type Start = (handler: HttpHandler, options?: Parameters<typeof startServer>[3]) => Promise<TestServer>;
export type Case = (start: Start, adapter: Adapter) => Promise<void>;

/** Answers with what arrived of the request. */
export const describeRequest: HttpHandler = (request, response) => {
  const { method, path, query, isUpgrade } = request;
  const certificate = request.clientCertificatePem?.startsWith('-----BEGIN CERTIFICATE-----') ?? false;
  response.send(
    200,
    [['Content-Type', 'application/json']],
    JSON.stringify({ method, path, query, isUpgrade, certificate }),
  );
};

export const parse = (body: Buffer) => JSON.parse(body.toString()) as Record<string, unknown>;

/** For a server with a clock of its own. */
export const serverOptions = (adapter: Adapter) => ({
  host: '127.0.0.1',
  port: 0,
  ...tlsFiles,
  bodyLimitBytes: 1 << 20,
  headerLimitBytes: 1 << 16,
  writeBufferLimitBytes: 1 << 18,
  idleTimeoutMs: 120_000,
  adapter,
  log: silentLog,
});

export const connectTo = (port: number): Promise<RawClient> => RawClient.connect({ port, rejectUnauthorized: false });

const addonLoads = (): boolean => {
  try {
    loadUws(1 << 16);
    return true;
  } catch {
    return false;
  }
};

/** Runs all `cases` on both adapters. */
export function describeCases(topic: string, cases: Readonly<Record<string, Case>>): void {
  for (const adapter of ['uws', 'node'] as const) {
    describe(`${topic} on ${adapter}`, { skip: adapter === 'uws' && !addonLoads() }, () => {
      const start: Start = (handler, options) => startServer(adapter, tlsFiles, handler, options);
      for (const [name, run] of Object.entries(cases)) test(name, { timeout: 20_000 }, () => run(start, adapter));
    });
  }
}
