/** What the network changes on the machine itself, and the programs by which it does. */
export {
  ensureHost,
  type HostPlan,
  pathMtu,
  readHostState,
  removeHost,
} from './addresses.ts';
export { run } from './command.ts';
export { ensureBridgeFilter, ensureForwarding, ensureLocalRouting } from './sysctls.ts';
