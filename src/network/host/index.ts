/** What the network changes on the machine itself, and the programs by which it does. */
export {
  ensureHost,
  type HostPlan,
  hostCommands,
  type HostState,
  pathMtu,
  readHostState,
  removeHost,
} from './addresses.ts';
export { must, run } from './command.ts';
export { ensureBridgeFilter, ensureForwarding, ensureLocalRouting } from './sysctls.ts';
