/** What thousandths of a CPU are to the kernel. Upstream: pkg/kubelet/cm/helpers_linux.go. */
export const minShares = 2;
export const maxShares = 262_144;
export const cpuPeriodUs = 100_000;
const minQuotaUs = 1_000;

/** Weight of a CPU request in thousandths. None weighs as little as possible. */
export const sharesOf = (milliCpu: number): number =>
  Math.min(Math.max(Math.trunc((milliCpu * 1024) / 1000), minShares), maxShares);

/** Microseconds a period; 0 is no limit. */
export const quotaOf = (milliCpu: number): number =>
  milliCpu === 0 ? 0 : Math.max(Math.trunc((milliCpu * cpuPeriodUs) / 1000), minQuotaUs);
