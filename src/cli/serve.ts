/** Wires the rooms together: certificates, store, API server, front, bootstrap objects, controllers, scheduler, node. */
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { admissionChain, storeLookup } from '../api/admission/index.ts';
import { AuditLog } from '../api/audit/index.ts';
import { createImpersonation } from '../api/authn/index.ts';
import { createRbac } from '../api/authz/index.ts';
import { Discovery } from '../api/discovery/index.ts';
import { healthPaths, versionPath } from '../api/health/index.ts';
import { createHttpServer, type HttpHandler } from '../api/http/index.ts';
import {
  type ApiServer,
  type ConnectHandler,
  createApiServer,
  forbidden,
  generateName,
  requireAccess,
  storedKinds,
} from '../api/index.ts';
import { OpenApi } from '../api/openapi/index.ts';
import { accessReviews } from '../api/reviews/index.ts';
import { type Config, type DataPaths, type Derived, dataPaths, derive } from '../config/index.ts';
import { controllerUser, namespacedResources, startControllers, storeOwnership } from '../controllers/index.ts';
import { createEventRecorder } from '../client/index.ts';
import { bootstrap } from '../host/bootstrap/index.ts';
import { ensurePki, type Pki, writeKubeconfigs } from '../host/pki/index.ts';
import { Lifecycle, type Logger, systemClock } from '../kernel/index.ts';
import { definitions } from '../resources/index.ts';
import { startScheduler } from '../scheduler/index.ts';
import type { Store } from '../store/types.ts';
import { createWasmScoring } from '../wasm/index.ts';
import { type Authentication, createAuthentication } from './authentication.ts';
import { metricsPath } from './metrics.ts';
import { inTurn } from './in-turn.ts';
import { beginRuntime, startNodeParts } from './node.ts';
import type { Runtime } from '../kubelet/index.ts';
import { type OpenedStore, openConfiguredBackend, openConfiguredStore } from './open-store.ts';
import type { Settings } from './options.ts';

export interface Serving {
  lifecycle: Lifecycle;
  url: string;
  kubeconfig: string;
}

const clock = systemClock;
const headerLimitBytes = 64 << 10;
const writeBufferLimitBytes = 1 << 20;
const idleTimeoutMs = 120_000;
const closeGraceMs = 5_000;

/** Starts everything in order; resolves when clients can be served. `onFatal` is called when the store cannot go on. */
export async function serve(settings: Settings, log: Logger, onFatal: (error: Error) => void): Promise<Serving> {
  const lifecycle = new Lifecycle(clock, log);
  const failure = new AbortController();
  try {
    await startAll(settings, lifecycle, log, onFatal, failure.signal);
  } catch (error) {
    failure.abort();
    await lifecycle.stop(closeGraceMs);
    throw error;
  }
  const { kubeconfig } = dataPaths(settings.dataDir);
  return { lifecycle, url: `https://localhost:${settings.config.apiServer.port}`, kubeconfig };
}

async function startAll(
  settings: Settings,
  lifecycle: Lifecycle,
  log: Logger,
  onFatal: (error: Error) => void,
  failed: AbortSignal,
): Promise<void> {
  const { config } = settings;
  const { budget } = settings.profile;
  const paths = dataPaths(settings.dataDir);
  const derived = derive(config);
  await mkdir(dirname(paths.database), { recursive: true, mode: 0o700 });

  const kinds = storedKinds(definitions);
  const runtime = config.runtime.mode === 'none' ? undefined : await openAhead(settings, lifecycle, log, failed);
  const backend = await openConfiguredBackend({ config, paths, budget, clock });
  const [pki, opened] = await bothSettled(
    prepareCertificates(config, paths, derived),
    lifecycle.start(
      'store',
      () => openConfiguredStore({ backend, config, paths, budget, kinds, clock, log, onFatal }),
      ({ store }) => store.close(),
    ),
  );

  const audit = await lifecycle.start(
    'audit',
    () => createAuditLog(config, paths, log),
    (file) => file?.close(),
  );
  const readiness = { bootstrapped: false };
  const connects = new Map<string, ConnectHandler>();
  const api = await lifecycle.start(
    'api',
    () => createApi({ settings, derived, pki, opened, readiness, audit, connects }, log),
    ({ close }) => close(),
  );
  await lifecycle.start(
    'front',
    () => openFront(settings, pki, api.server.handle, log),
    (front) => front.close(closeGraceMs),
  );
  await bootstrap({
    client: inTurn(api.server.client(controllerUser('apiserver')), Math.ceil(budget.pendingWrites / 2)),
    clock,
    log: log.child('bootstrap'),
    authentication: {
      clientCa: pki.bundle('client-ca.crt').pem,
      requestHeader: {
        clientCa: pki.signer('aggregator-signer').certPem,
        allowedNames: ['system:openshift-aggregator'],
      },
    },
  });
  await lifecycle.start(
    'controllers',
    () => openControllers({ settings, derived, pki, store: opened.store, api }, log),
    (controllers) => controllers.stop(),
  );
  await lifecycle.start(
    'scheduler',
    () => openScheduler(settings, api.server, log),
    (scheduler) => scheduler.stop(),
  );
  readiness.bootstrapped = true;
  if (!runtime) return;
  await startNodeParts({
    ...{ settings, derived, lifecycle, connects, clock, log },
    runtime: await runtime.opened,
    server: api.server,
  });
}

/**
 * The container runtime takes longest, so it is opened while everything else starts. It is let go of last; a start that
 * fails leaves none behind that it did not find.
 */
function openAhead(
  settings: Settings,
  lifecycle: Lifecycle,
  log: Logger,
  failed: AbortSignal,
): Promise<{ opened: Promise<Runtime> }> {
  const opened = beginRuntime(settings, clock, log);
  opened.catch(() => {});
  return lifecycle.start(
    'runtime',
    () => ({ opened }),
    () =>
      opened.then(
        (runtime) => (failed.aborted ? runtime.abandon() : runtime.stop()),
        () => {},
      ),
  );
}

/** As Promise.all, but a failure is told when the other one is no longer under way. */
async function bothSettled<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return Promise.all([one, other]);
}

/** Names by which other machines reach this one. */
const externalNames = (config: Config): string[] => [hostname(), ...config.apiServer.subjectAltNames];

async function prepareCertificates(config: Config, paths: DataPaths, derived: Derived): Promise<Pki> {
  const pki = await ensurePki(paths.root, {
    hostname: hostname(),
    nodeName: derived.nodeName,
    nodeIP: derived.nodeIP,
    advertiseAddress: derived.advertiseAddress,
    serviceIP: derived.serviceIP,
    subjectAltNames: config.apiServer.subjectAltNames,
    baseDomain: config.dns.baseDomain,
    clock,
  });
  await writeKubeconfigs(pki, {
    directory: paths.resources,
    externalNames: externalNames(config),
    port: config.apiServer.port,
  });
  return pki;
}

/** undefined when nothing is to be recorded. */
function createAuditLog({ apiServer }: Config, { auditLog: file }: DataPaths, log: Logger): AuditLog | undefined {
  const { profile, maxFileAge: maxAgeDays, maxFiles, maxFileSize } = apiServer.auditLog;
  if (profile === 'None') return undefined;
  return new AuditLog({
    file,
    maxAgeDays,
    maxFiles,
    maxFileBytes: maxFileSize * 2 ** 20,
    clock,
    log: log.child('audit'),
  });
}

interface ApiParts {
  settings: Settings;
  derived: Derived;
  pki: Pki;
  opened: OpenedStore;
  readiness: { bootstrapped: boolean };
  audit: AuditLog | undefined;
  connects: ReadonlyMap<string, ConnectHandler>;
}

type Api = { server: ApiServer; close(): void } & Pick<Authentication, 'signForSecret'>;

function createApi(parts: ApiParts, log: Logger): Api {
  const { settings, derived, pki, readiness, audit, connects } = parts;
  const { store, codec } = parts.opened;
  const rbac = createRbac(store);
  const { authorizer } = rbac;
  const lookup = storeLookup(store);
  const authentication = createAuthentication(pki, store, clock);
  const served = { definitions: () => definitions, codec, clock };
  const discovery = new Discovery({
    ...served,
    serverAddress: () => `${derived.advertiseAddress}:${settings.config.apiServer.port}`,
  });
  const server = createApiServer({
    store,
    codec,
    definitions,
    authenticators: authentication.authenticator,
    impersonate: createImpersonation({
      requireAccess: (attributes) => requireAccess(authorizer, attributes),
      forbidden,
    }),
    authorizer,
    admission: admissionChain({ lookup, authorizer, clock, generateName, others: [rbac.escalationCheck] }),
    reviews: new Map([...accessReviews(rbac, clock), ...authentication.reviews]),
    actions: new Map(authentication.actions),
    connects,
    paths: [
      ...discovery.paths(),
      ...new OpenApi(served).paths(),
      ...authentication.paths,
      ...healthPaths(
        [{ name: 'etcd', check: () => store.isHealthy() }],
        [
          { name: 'etcd-readiness', check: () => store.isHealthy() },
          { name: 'poststarthook/bootstrap', check: () => readiness.bootstrapped },
        ],
      ),
      versionPath,
      metricsPath(store, audit),
    ],
    nodePorts: derived.nodePorts,
    ...(audit && { audit }),
    clock,
    log: log.child('api'),
    budget: settings.profile.budget,
  });
  const close = (): void => {
    server.close();
    rbac.close();
  };
  return { server, close, signForSecret: authentication.signForSecret };
}

async function openFront(
  { config, profile }: Settings,
  pki: Pki,
  handler: HttpHandler,
  log: Logger,
): Promise<{ close(graceMs: number): Promise<void> }> {
  const { certFile, keyFile } = pki.listener;
  const { inFlightReads, inFlightWrites, watches, requestBodyBytes } = profile.budget;
  const server = await createHttpServer({
    host: '0.0.0.0',
    port: config.apiServer.port,
    certFile,
    keyFile,
    clientCaFile: pki.bundle('listener-client-ca.crt').file,
    handler,
    bodyLimitBytes: requestBodyBytes,
    // A watch has its connection to itself; of the others most are idle.
    connectionLimit: watches + 4 * (inFlightReads + inFlightWrites),
    headerLimitBytes,
    writeBufferLimitBytes,
    idleTimeoutMs,
    adapter: config.apiServer.front,
    log: log.child('front'),
    clock,
  });
  await server.listen();
  return server;
}

interface ControllerParts {
  settings: Settings;
  derived: Derived;
  pki: Pki;
  store: Store;
  api: Api;
}

function openControllers(
  { settings, derived, pki, store, api }: ControllerParts,
  log: Logger,
): { stop(): Promise<void> } {
  const { config, profile } = settings;
  const bundle = (): string => pki.bundle('service-account-token-ca.crt').pem;
  return startControllers({
    clientFor: (name) => api.server.client(controllerUser(name)),
    clock,
    log: log.child('controllers'),
    namespace: { resources: () => namespacedResources(definitions) },
    pendingEvents: profile.budget.pendingEvents,
    rootCa: { bundle },
    tokens: { sign: api.signForSecret, bundle },
    kubernetesService: {
      serviceCidrs: config.network.serviceNetwork,
      serviceIp: derived.serviceIP,
      servicePort: 443,
      endpoint: () => ({ ip: derived.advertiseAddress, port: config.apiServer.port }),
    },
    garbageCollector: { ownership: storeOwnership(store, () => definitions) },
  });
}

function openScheduler(settings: Settings, server: ApiServer, log: Logger): { stop(): Promise<void> } {
  const client = server.client(controllerUser('kube-scheduler'));
  const { budget } = settings.profile;
  const recorder = createEventRecorder({
    client,
    clock,
    log: log.child('events'),
    component: 'default-scheduler',
    limit: budget.pendingEvents,
  });
  return startScheduler({ client, clock, log: log.child('scheduler'), recorder, scoring: createWasmScoring, budget });
}
