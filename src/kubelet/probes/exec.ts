import { formatDuration } from '../../schema/index.ts';
import { CriError, type CriClient, grpcCode } from '../cri/types.ts';
import { type Outcome, outputLimitBytes } from './types.ts';

/** Given to the runtime beyond the probe's own timeout, for its answer to arrive. */
const answerMs = 5_000;

/** Succeeds when the command in the container ends with 0 in time. */
export async function probeExec(
  cri: CriClient,
  containerId: string,
  command: readonly string[],
  timeoutMs: number,
): Promise<Outcome> {
  const request = { containerId, cmd: command, timeout: Math.ceil(timeoutMs / 1000) };
  try {
    const { stdout, stderr, exitCode } = await cri.call('ExecSync', request, { timeoutMs: timeoutMs + answerMs });
    const output = Buffer.concat([stdout, stderr]).subarray(0, outputLimitBytes).toString('utf8');
    return { result: exitCode === 0 ? 'success' : 'failure', output };
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    if (error.code !== grpcCode.deadlineExceeded) return { result: 'error', output: error.message };
    const timeout = formatDuration(BigInt(timeoutMs) * 1_000_000n);
    return {
      result: 'failure',
      output: `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${timeout}`,
    };
  }
}
