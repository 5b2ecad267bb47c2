export { type Budget, defaultBudget } from './budget.ts';
export { type Config, defaultConfig, type RuntimeMode, readConfig } from './config.ts';
export { type Derived, derive } from './derive.ts';
export { ConfigError } from './errors.ts';
export { addressIn, formatIPv4, type Network, parseIPv4, parseNetwork } from './ip.ts';
export { type ConfigSources, defaultSources, loadConfig } from './load.ts';
export { type DataPaths, dataPaths, defaultDataDir } from './paths.ts';
export {
  chooseProfile,
  identifyMachine,
  loadProfiles,
  type MachineIdentity,
  type Profile,
  readProfile,
} from './profile.ts';
