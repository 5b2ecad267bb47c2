import { reserveMemory } from '../arena-memory.ts';
import { CodecInstance } from '../instance.ts';
import { writeServedTable } from '../served-table.ts';

const guardBytes = 4_096;
const guardByte = 0xa5;
const outputBytes = 1 << 20;
const arenaBytes = 4 << 20;
const inputBytes = 1 << 20;

/**
 * The module with guards around every region that it may write to, and the input at the very end of the memory: a write
 * out of bounds changes a guard, a read beyond the input traps. Calls throw what the module throws.
 */
export class GuardedModule {
  readonly #instance: CodecInstance;
  readonly #guards: readonly number[];
  readonly #output: number;
  readonly #arena: number;
  readonly #end: number;

  constructor() {
    const memory = reserveMemory((4 << 20) + outputBytes + arenaBytes + inputBytes);
    this.#instance = new CodecInstance(memory);
    const first = this.#instance.end;
    this.#output = first + guardBytes;
    this.#arena = this.#output + outputBytes + guardBytes;
    this.#guards = [first, this.#output + outputBytes, this.#arena + arenaBytes];
    this.#end = memory.buffer.byteLength;
    for (const guard of this.#guards) this.#instance.bytes.fill(guardByte, guard, guard + guardBytes);
  }

  /** Whether the JSON was accepted. */
  fromJson(message: string, input: Uint8Array, defaults: boolean): boolean {
    return this.#decode('fromJson', message, input, defaults);
  }

  fromProto(message: string, input: Uint8Array, defaults: boolean): boolean {
    return this.#decode('fromProto', message, input, defaults);
  }

  toJson(message: string, input: Uint8Array, trusted: boolean): boolean {
    const { exports } = this.#instance;
    const offset = this.#instance.message(message);
    const at = this.#place(input);
    const limit = this.#output + outputBytes;
    const arenaEnd = this.#arena + arenaBytes;
    return (
      exports.toJson(at, input.length, offset, 0, 0, trusted ? 1 : 0, this.#arena, arenaEnd, this.#output, limit) >= 0
    );
  }

  peek(input: Uint8Array): boolean {
    return this.#instance.exports.peek(this.#place(input), input.length) !== 0;
  }

  #decode(call: 'fromJson' | 'fromProto', message: string, input: Uint8Array, defaults: boolean): boolean {
    const { exports } = this.#instance;
    const offset = this.#instance.message(message);
    const at = this.#place(input);
    const limit = this.#output + outputBytes;
    const arenaEnd = this.#arena + arenaBytes;
    return exports[call](at, input.length, offset, defaults ? 1 : 0, this.#arena, arenaEnd, this.#output, limit) !== 0;
  }

  #place(input: Uint8Array): number {
    const at = this.#end - input.length;
    this.#instance.bytes.set(input, at);
    return at;
  }

  /** Throws when a guard or the schema table was written to. */
  check(): void {
    const { bytes } = this.#instance;
    for (const guard of this.#guards) {
      if (bytes.subarray(guard, guard + guardBytes).some((byte) => byte !== guardByte))
        throw new Error('a guard was overwritten');
    }
    if (!this.#instance.holdsTable(writeServedTable())) throw new Error('the schema table was overwritten');
  }
}
