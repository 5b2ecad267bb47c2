/** Liveness, readiness and startup probes. */
export { createProbeManager, type ProbeManagerOptions } from './manager.ts';
