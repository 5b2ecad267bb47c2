// The codec module: src/wasm/codec.ts owns its memory and calls these. Addresses and lengths are bytes.
import { parseDocument, apiVersion, apiVersionLength, kind, kindLength, ref } from './parse';
import { nodeOfMessage } from './normalize';
import { openOutput } from './out';
import { peekMetadata } from './metadata';
import { printDocument } from './print';
import { copyItem } from './run';
import {
  arenaTop,
  begin,
  fail,
  failure,
  failureAt,
  inputStart,
  Problem,
  problemCount,
  problemsAt,
  setTable,
  useDefaults,
  writePath,
} from './state';
import { at } from './table';
import { writeDocument } from './write';

/**
 * What a call found, as 32-bit words. 0 to 3: address and length of apiVersion and kind; 4 and 5: number and address of
 * the problems. After a failure, 6: what; 7: where in the input (0xffffffff: nowhere); 8 and 9: its path. `peek`: 0 to 7.
 */
const report: usize = memory.data(4 * 10, 8);
const pathRoom: usize = memory.data(4096);

export function reportAt(): usize {
  return report;
}

/** First address behind the module's own data. */
export function dataEnd(): usize {
  return __heap_base;
}

/** First address of the arena that the last call left alone. */
export function arenaEnd(): usize {
  return arenaTop;
}

/** Uses the schema table at `address`. */
export function init(address: usize): void {
  setTable(address);
}

/** JSON → storage bytes, which end at `limit`. Returns their address, or 0: then the report says why. */
export function fromJson(
  input: usize,
  length: u32,
  message: u32,
  defaults: bool,
  arena: usize,
  arenaLimit: usize,
  output: usize,
  limit: usize,
): usize {
  begin(input, length, arena, arenaLimit);
  useDefaults(defaults);
  if (!parseDocument(input, at(message))) return reportFailure();
  store<u32>(report, <u32>apiVersion);
  store<u32>(report, apiVersionLength, 4);
  store<u32>(report, <u32>kind, 8);
  store<u32>(report, kindLength, 12);
  store<u32>(report, problemCount, 16);
  store<u32>(report, <u32>problemsAt(), 20);
  return finish(at(message), output, limit);
}

/** Client protobuf → storage bytes; as `fromJson`. */
export function fromProto(
  input: usize,
  length: u32,
  message: u32,
  defaults: bool,
  arena: usize,
  arenaLimit: usize,
  output: usize,
  limit: usize,
): usize {
  begin(input, length, arena, arenaLimit);
  useDefaults(defaults);
  if (!nodeOfMessage(input, input + length, at(message))) return reportFailure();
  return finish(at(message), output, limit);
}

function finish(message: usize, output: usize, limit: usize): usize {
  // a full arena fails the call even where a caller went on
  if (failure != Problem.none) return reportFailure();
  const result = writeDocument(ref, message, output, limit);
  if (result) return result;
  fail(Problem.size, 0);
  return reportFailure();
}

/** Storage bytes → JSON at `output`. Returns its length, or -1. */
export function toJson(
  input: usize,
  length: u32,
  message: u32,
  lead: usize,
  leadLength: u32,
  trusted: bool,
  arena: usize,
  arenaLimit: usize,
  output: usize,
  limit: usize,
): i32 {
  begin(input, length, arena, arenaLimit);
  openOutput(output, limit);
  const n = printDocument(input, input + length, at(message), lead, leadLength, trusted);
  if (n < 0 || failure != Problem.none) {
    reportFailure();
    return -1;
  }
  return n;
}

/**
 * Records as items of a JSON list, with commas between them: as many of the `count` spans (address and length, a word
 * each) as fit between `output` and `limit`. Returns how many they were; word 0 of the report says where they end.
 */
export function jsonItems(
  spans: usize,
  count: u32,
  message: u32,
  arena: usize,
  arenaLimit: usize,
  output: usize,
  limit: usize,
): u32 {
  let done: u32 = 0;
  let end = output;
  for (; done < count; done++) {
    const input = <usize>load<u32>(spans + <usize>done * 8);
    const length = load<u32>(spans + <usize>done * 8, 4);
    const from = done ? end + 1 : end;
    if (from >= limit) break;
    begin(input, length, arena, arenaLimit);
    openOutput(from, limit);
    const n = printDocument(input, input + length, at(message), 0, 0, true);
    if (n < 0 || failure != Problem.none) break;
    if (done) store<u8>(end, 0x2c);
    end = from + n;
  }
  store<u32>(report, <u32>end);
  return done;
}

/** Records as items of a protobuf list, whose `items` is field 2; as `jsonItems`. */
export function recordItems(spans: usize, count: u32, output: usize, limit: usize): u32 {
  let done: u32 = 0;
  let end = output;
  for (; done < count; done++) {
    const input = <usize>load<u32>(spans + <usize>done * 8);
    const next = copyItem(input, load<u32>(spans + <usize>done * 8, 4), end, limit);
    if (!next) break;
    end = next;
  }
  store<u32>(report, <u32>end);
  return done;
}

/** Finds name, namespace, uid and resourceVersion: address and length of each in the report. */
export function peek(input: usize, length: u32): bool {
  begin(input, length, input, input);
  if (peekMetadata(input, input + length, report)) return true;
  if (failure == Problem.none) fail(Problem.wire, input);
  return reportFailure() != 0;
}

function reportFailure(): usize {
  store<u32>(report, failure, 24);
  store<u32>(report, failureAt ? <u32>(failureAt - inputStart) : 0xffffffff, 28);
  store<u32>(report, <u32>pathRoom, 32);
  const n = writePath(pathRoom, pathRoom + 4096, 0, 0);
  store<u32>(report, n == 0xffffffff ? 0 : n, 36);
  return 0;
}
