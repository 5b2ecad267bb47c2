/** `node bench/store-churn.ts [operations] [MiB]`: how well the record memory holds together under random churn. */
import { Arena } from '../src/wasm/arena.ts';
import { reserveMemory } from '../src/wasm/arena-memory.ts';
import { churn } from '../src/wasm/testing-churn.ts';

const operations = Number(process.argv[2] ?? 10_000_000);
const mib = Number(process.argv[3] ?? 128);

const arena = new Arena({ memory: reserveMemory(mib << 20) });
const startMs = performance.now();
const result = churn(arena, operations, 1);
const seconds = (performance.now() - startMs) / 1000;
process.stdout.write(`${JSON.stringify({ operations, mib, seconds: Math.round(seconds), ...result })}\n`);
if (result.leastLiveShare < 0.75) process.exitCode = 1;
