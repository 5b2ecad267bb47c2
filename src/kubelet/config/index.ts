/** From pods to what the runtime is asked for. */
export { type ConfigEnv, type ConfigOptions, createConfigBuilder } from './builder.ts';
export { podName } from './hostname.ts';
export { containerAnnotations, containerHash, containerLabels, sandboxLabels } from './identity.ts';
export { type Machine, probeMachine } from './machine.ts';
export { type QosClass, qosClassOf } from './qos.ts';
export { containerResources, sharesOf } from './resources.ts';
export { runtimeHandlerOf } from './runtime-class.ts';
export { podLogFolder } from './sandbox.ts';
export { effectiveSecurity } from './security.ts';
export { podRejection, type Rejection } from './sysctls.ts';
