/**
 * Runs upstream's real conformance suite against nanoshift, in a network namespace of its own.
 *
 *   npm run conformance -- --e2e PATH --agnhost PATH [--kubectl PATH] [--area A[,B]] [--focus REGEX] [--all]
 *                          [--procs N] [--front uws|node] [--store sqlite|etcd|memory] [--repeat N] [--write] [--out DIR]
 *   npm run conformance -- --e2e PATH --nodeless [--later] …
 *
 * Default: every spec that is known to be in reach, with real pods on a containerd of nanoshift's own. --all: all 446.
 * --nodeless: those that need no kubelet, with two Node objects made through the API. --write puts the counts into
 * docs/conformance.md. A junit file is written to the output folder. Exit code 1 when a spec failed.
 */
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { apiRequest } from '../support/api-request.ts';
import { startEtcd } from '../support/etcd.ts';
import { interrupted, run, runInNamespace } from '../support/netns.ts';
import { nodeIsReady } from '../support/node.ts';
import { junit, loadSpecs, renderResults, replaceSection, type Spec, type SpecResult } from './report.ts';
import { makeNodes, nanoshift, startSuiteServer, type SuiteServer, suiteNodeName } from './server.ts';
import { runShards } from './shards.ts';

const root = resolve(import.meta.dirname, '../..');
const { values: flags } = parseArgs({
  options: {
    e2e: { type: 'string' },
    agnhost: { type: 'string' },
    kubectl: { type: 'string' },
    nodeless: { type: 'boolean', default: false },
    later: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    focus: { type: 'string' },
    area: { type: 'string' },
    procs: { type: 'string' },
    front: { type: 'string', default: 'auto' },
    store: { type: 'string', default: 'sqlite' },
    repeat: { type: 'string', default: '1' },
    write: { type: 'boolean', default: false },
    out: { type: 'string' },
    inside: { type: 'boolean', default: false },
  },
});

if (!flags.e2e || (!flags.nodeless && !flags.agnhost)) {
  console.error(
    'usage: npm run conformance -- --e2e PATH (--agnhost PATH | --nodeless) [--kubectl PATH] [--area AREA] [--focus REGEX]',
  );
  process.exit(2);
}
process.exitCode = flags.inside ? await inside() : await outside();

/** Runs itself in a namespace that is made for it. */
function outside(): Promise<number> {
  const self = [process.execPath, import.meta.filename, ...process.argv.slice(2), '--inside'];
  return runInNamespace(`nanoshift-e2e-${process.pid}`, self, { stdio: 'inherit' });
}

async function inside(): Promise<number> {
  const specs = choose();
  const out = flags.out ?? mkdtempSync(join(tmpdir(), 'ns-e2e-'));
  mkdirSync(out, { recursive: true });
  console.log(`${specs.length} specs; logs in ${out}`);
  let worst: SpecResult[] = [];
  for (let round = 1; round <= Number(flags.repeat); round++) {
    const folder = join(out, `round-${round}`);
    mkdirSync(folder, { recursive: true });
    const results = await oneRound(specs, folder);
    const failed = results.filter((result) => !result.passed);
    console.log(`round ${round}: ${results.length - failed.length} passed, ${failed.length} failed`);
    for (const { spec, cause } of failed) console.log(`  FAIL ${spec.codename}\n       ${cause}`);
    for (const line of byArea(results)) console.log(line);
    writeFileSync(join(folder, 'junit.xml'), junit(results));
    if (round === 1 || failed.length > worst.filter((result) => !result.passed).length) worst = results;
  }
  if (flags.write) {
    const path = join(root, 'docs/conformance.md');
    const what = flags.nodeless ? 'Nodeless specs' : 'Specs with real pods';
    const title = `${what}, ${flags.repeat} run${flags.repeat === '1' ? '' : 's in a row (the worst is shown)'}, front ${flags.front}, store ${flags.store}`;
    const section = flags.nodeless ? 'nodeless' : 'pods';
    writeFileSync(path, replaceSection(readFileSync(path, 'utf8'), section, renderResults(worst, title, 446)));
  }
  return worst.every((result) => result.passed) ? 0 : 1;
}

function byArea(results: readonly SpecResult[]): string[] {
  const areas = [...new Set(results.map(({ spec }) => spec.area))].sort();
  return areas.map((area) => {
    const own = results.filter(({ spec }) => spec.area === area);
    return `  ${area}: ${own.filter(({ passed }) => passed).length} of ${own.length}`;
  });
}

function choose(): Spec[] {
  const focus = flags.focus ? new RegExp(flags.focus) : undefined;
  const areas = flags.area?.split(',');
  const stages = flags.nodeless ? ['nodeless', ...(flags.later ? ['nodeless-later'] : [])] : ['nodeless', 'pods'];
  const isNarrowed = focus !== undefined || areas !== undefined;
  return loadSpecs()
    .filter(({ stage }) => flags.all || (isNarrowed && !flags.nodeless) || stages.includes(stage))
    .filter(({ codename }) => !focus || focus.test(codename))
    .filter(({ area }) => !areas || areas.includes(area));
}

/** Told to end, it gives up, and takes down what it has started. */
async function oneRound(specs: readonly Spec[], folder: string): Promise<SpecResult[]> {
  interrupted().throwIfAborted();
  const etcd = flags.store === 'etcd' ? await startEtcd() : undefined;
  const pods = !flags.nodeless;
  let server: SuiteServer | undefined;
  try {
    server = await startSuiteServer({
      folder,
      front: flags.front as string,
      store: flags.store as string,
      etcdEndpoint: etcd?.endpoint,
      pods,
    });
    interrupted().throwIfAborted();
    await (pods ? prepareNode(server) : makeNodes(server.kubeconfig));
    const suite = {
      binary: flags.e2e as string,
      kubectl: flags.kubectl,
      kubeconfig: server.kubeconfig,
      folder,
      processes: Number(flags.procs ?? (pods ? 4 : 6)),
      nodes: pods,
    };
    const results = await runShards(suite, specs, interrupted());
    interrupted().throwIfAborted();
    return results;
  } finally {
    await server?.stop();
    if (pods && server) await nanoshift('cleanup', '--all', '--config', server.config, '--data-dir', server.dataDir);
    await etcd?.dispose();
  }
}

/** Imports the suite's images and waits for the node. */
async function prepareNode(server: SuiteServer): Promise<void> {
  const images = join(tmpdir(), 'nanoshift-suite-images');
  await run(process.execPath, [join(root, 'scripts/images/make.ts'), images, '--agnhost', flags.agnhost as string]);
  const common = ['--config', server.config, '--data-dir', server.dataDir];
  await nanoshift('images', 'import', ...common, join(images, 'conformance.tar'));
  await nodeIsReady({ ask: (method, path) => apiRequest(server.kubeconfig, method, path) as never }, suiteNodeName);
}
