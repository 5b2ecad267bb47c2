import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { createLogger, type LogLevel, systemClock } from '../kernel/index.ts';
import { ownUsage, shrinkWhenIdle } from './idle-memory.ts';
import { relaunch } from './launch.ts';
import { readSettings, type Settings } from './options.ts';

const levelOf: Readonly<Record<string, LogLevel>> = {
  Normal: 'info',
  Debug: 'debug',
  Trace: 'debug',
  TraceAll: 'debug',
};

/** `nanoshift run`: serves until SIGINT or SIGTERM. */
export async function run(argv: readonly string[]): Promise<number> {
  const settings = readSettings(argv);
  relaunch(settings.profile, settings.dataDir);
  goFirst();
  const log = createLogger(levelOf[settings.config.debugging.logLevel] ?? 'info');
  for (const line of settings.warnings) log.warn(line);
  log.info('nanoshift starting', { dataDir: settings.dataDir, profile: settings.profile.board });

  const stopped = Promise.withResolvers<number>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.resolve(0));
  const { serve } = await import('./serve.ts');
  const { lifecycle, url, kubeconfig } = await serve(settings, log, (error) => {
    log.error('cannot go on', { error: String(error) });
    stopped.resolve(1);
  });
  log.info('nanoshift ready', { url, sinceStartMs: Math.round(process.uptime() * 1000) });
  const usage = ownUsage();
  const shrinking = usage && shrinkWhenIdle(systemClock, usage);
  if (settings.welcome) console.log(welcome(url, kubeconfig, settings));

  const code = await stopped.promise;
  shrinking?.stop();
  log.info('nanoshift stopping');
  await lifecycle.stop(stopLimitMs);
  log.info('nanoshift stopped');
  process.exit(code);
}

const stopLimitMs = 15_000;

/**
 * On two cores that start pods, the control plane must still answer. Where the kernel groups processes by session, nice
 * values count within the session only, and the session has one of its own (sched(7), autogroup); under systemd the
 * unit's CPUWeight decides. Who may not ask for it goes on as everybody.
 */
function goFirst(): void {
  const priority = constants.priority.PRIORITY_ABOVE_NORMAL;
  try {
    setPriority(priority);
    writeFileSync('/proc/self/autogroup', String(priority));
  } catch {
    // Not root, or a kernel without autogroups.
  }
}

function welcome(url: string, kubeconfig: string, { config, dataDir }: Settings): string {
  const runsPods = config.runtime.mode !== 'none';
  const steps = runsPods
    ? [
        'kubectl get nodes',
        'kubectl apply -f examples/hello.yaml',
        'kubectl rollout status deployment/hello',
        "curl http://$(kubectl get service hello -o jsonpath='{.spec.clusterIP}')",
      ]
    : ['kubectl get namespaces', 'kubectl create configmap hello --from-literal=a=1'];
  const after = runsPods
    ? `Ctrl-C stops nanoshift; pods go on, and the next start adopts them. nanoshift cleanup takes them down.`
    : `This is the control plane alone (runtime.mode: none). Ctrl-C stops it.`;
  return `
nanoshift serves the Kubernetes API on ${url}. In another terminal:
  export KUBECONFIG=${kubeconfig}
${steps.map((step) => `  ${step}`).join('\n')}
${after} What is stored stays in ${dataDir}.
`;
}
