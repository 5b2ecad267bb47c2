/** Opens the runtime for the folders of `argv[2]`, tells its process id, and waits to be killed. */
import { dataPaths } from '../../src/config/index.ts';
import { silentLogger, systemClock } from '../../src/kernel/index.ts';
import { openRuntime } from '../../src/kubelet/runtime/index.ts';
import { sandboxImage } from './runtime-support.ts';

const runtime = await openRuntime({
  mode: 'own',
  endpoint: '',
  handler: 'auto',
  paths: dataPaths(process.argv[2] ?? ''),
  sandboxImage,
  clock: systemClock,
  log: silentLogger,
});
console.log(runtime.pid());
