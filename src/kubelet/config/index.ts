/** From pods to what the runtime is asked for. */
export { createConfigBuilder } from './builder.ts';
export { containerHash } from './identity.ts';
export { probeMachine } from './machine.ts';
export { type QosClass, qosClassOf } from './qos.ts';
export { cpuPeriodUs, maxShares, minShares, quotaOf, sharesOf } from './cpu.ts';
export { containerResources } from './resources.ts';
export { runtimeHandlerOf } from './runtime-class.ts';
export { podLogFolder } from './sandbox.ts';
export { podRejection } from './sysctls.ts';
