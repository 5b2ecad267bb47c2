import {
  type Codec,
  CodecError,
  type Decoded,
  type DecodeOptions,
  type FieldProblem,
  type MessageName,
  referenceCodec,
} from '../schema/index.ts';
import { reserveMemory } from './arena-memory.ts';
import { failureOf } from './failure.ts';
import { CodecInstance } from './instance.ts';
import { stampRevision } from './stamp.ts';
import { isTrap } from './webassembly.ts';

export interface IsolatedCodecOptions {
  /** Longest input, bytes. Longer ones are refused with a CodecError of kind `size`. */
  inputLimitBytes?: number;
  /** Longest output, bytes. Short input can stand for much more: every zero value is written. */
  outputLimitBytes?: number;
  /**
   * Gives failures their final words: it decodes again what the module refused. Without it, and for input above 1 MiB
   * (it is slow), errors say what and where in words of their own.
   */
  explain?: Codec | undefined;
}

/** Request bodies end at 3 MiB. */
const defaultInputLimit = 4 << 20;
const defaultOutputLimit = 64 << 20;
/** What one byte of input needs at most: an empty map entry has two bytes and makes nodes of forty. */
const arenaBytesPerInputByte = 20;
const arenaSlack = 1 << 20;
const explainLimitBytes = 1 << 20;
const maxProblems = 100;
/** An instance that has touched this much memory is replaced, so that one large object does not stay resident. */
const recycleAboveBytes = 16 << 20;

/**
 * The codec for bytes from anywhere, in a memory of its own. The input lies at the very end of the memory, where a read
 * beyond it would trap; a trap is answered with a CodecError and a fresh instance.
 */
export class IsolatedCodec implements Codec {
  readonly #inputLimit: number;
  readonly #outputLimit: number;
  readonly #explain: Codec | undefined;
  #workspace: Workspace | undefined;

  constructor(options: IsolatedCodecOptions = {}) {
    this.#inputLimit = options.inputLimitBytes ?? defaultInputLimit;
    this.#outputLimit = options.outputLimitBytes ?? defaultOutputLimit;
    this.#explain = 'explain' in options ? options.explain : referenceCodec;
  }

  fromJson(message: MessageName, json: Uint8Array, options: DecodeOptions): Decoded {
    const workspace = this.#open(json);
    const { instance } = workspace;
    const bytes = this.#decode(workspace, 'fromJson', message, json, options);
    const apiVersion = textAt(instance, 0);
    const kind = textAt(instance, 2);
    return {
      bytes,
      ...(apiVersion && { apiVersion }),
      ...(kind && { kind }),
      problems: readProblems(instance),
    };
  }

  fromProto(message: MessageName, proto: Uint8Array, options: DecodeOptions): Decoded {
    return { bytes: this.#decode(this.#open(proto), 'fromProto', message, proto, options), problems: [] };
  }

  toJson(message: MessageName, bytes: Uint8Array, gvk?: { apiVersion: string; kind: string }): Uint8Array {
    const workspace = this.#open(bytes);
    const { instance, output, arena } = workspace;
    const lead = gvk ? instance.lead(gvk) : noLead;
    const input = workspace.place(bytes);
    const length = this.#guard(() =>
      instance.exports.toJson(
        input,
        bytes.length,
        instance.message(message),
        lead.at,
        lead.length,
        0,
        arena,
        workspace.arenaEnd,
        output,
        output + this.#outputLimit,
      ),
    );
    this.#recycle(workspace, bytes.length + length);
    if (length < 0) throw this.#failure(instance, bytes, (codec) => codec.toJson(message, bytes, gvk));
    return instance.memory.slice(output, output + length);
  }

  stampRevision(bytes: Uint8Array, revision: number): Uint8Array {
    return stampRevision(bytes, revision);
  }

  #decode(
    workspace: Workspace,
    call: 'fromJson' | 'fromProto',
    message: MessageName,
    input: Uint8Array,
    options: DecodeOptions,
  ): Uint8Array {
    const { instance, output, arena } = workspace;
    const limit = output + this.#outputLimit;
    const at = workspace.place(input);
    const offset = instance.message(message);
    const defaults = options.defaults ? 1 : 0;
    const result = this.#guard(() =>
      instance.exports[call](at, input.length, offset, defaults, arena, workspace.arenaEnd, output, limit),
    );
    this.#recycle(workspace, input.length + limit - (result || limit));
    if (result === 0) throw this.#failure(instance, input, (codec) => codec[call](message, input, options));
    return instance.memory.slice(result, limit);
  }

  #open(input: Uint8Array): Workspace {
    if (input.length > this.#inputLimit) {
      throw new CodecError('size', `input of ${input.length} bytes is longer than the limit of ${this.#inputLimit}`);
    }
    this.#workspace ??= new Workspace(this.#inputLimit, this.#outputLimit);
    return this.#workspace;
  }

  /** Runs a call of the module. After a trap the instance's state is worthless. */
  #guard(call: () => number): number {
    try {
      return call();
    } catch (error) {
      this.#workspace = undefined;
      if (isTrap(error)) throw new CodecError('syntax', `the object cannot be decoded: ${(error as Error).message}`);
      throw error;
    }
  }

  #failure(instance: CodecInstance, input: Uint8Array, again: (codec: Codec) => unknown): CodecError {
    const failure = failureOf(instance, input);
    if (failure.kind === 'size' || !this.#explain || input.length > explainLimitBytes) return failure;
    try {
      again(this.#explain);
    } catch (error) {
      if (error instanceof CodecError) return error;
    }
    return failure;
  }

  #recycle({ instance, arena }: Workspace, inputAndOutput: number): void {
    const touched = instance.exports.arenaEnd() - arena + inputAndOutput;
    if (touched > recycleAboveBytes) this.#workspace = undefined;
  }
}

const noLead = { at: 0, length: 0 };

/** An instance and its memory: module, table, output, arena, input. */
class Workspace {
  readonly instance: CodecInstance;
  readonly output: number;
  readonly arena: number;
  readonly arenaEnd: number;
  readonly #end: number;

  constructor(inputLimit: number, outputLimit: number) {
    const arenaSize = inputLimit * arenaBytesPerInputByte + arenaSlack;
    const memory = reserveMemory((4 << 20) + outputLimit + arenaSize + inputLimit);
    this.instance = new CodecInstance(memory);
    this.output = this.instance.end;
    this.arena = this.output + outputLimit;
    this.arenaEnd = this.arena + arenaSize;
    this.#end = memory.buffer.byteLength;
  }

  /** Copies input to the end of the memory. Returns where it begins. */
  place(input: Uint8Array): number {
    const at = this.#end - input.length;
    this.instance.memory.set(input, at);
    return at;
  }
}

/** A text of the report: words `index` and `index + 1`. */
function textAt(instance: CodecInstance, index: number): string {
  const at = instance.report(index);
  return at === 0 ? '' : instance.text(at, instance.report(index + 1));
}

/** Unknown and duplicate fields in order of appearance. */
function readProblems(instance: CodecInstance): FieldProblem[] {
  const count = instance.report(4);
  if (count === 0) return [];
  const found: { at: number; problem: FieldProblem }[] = [];
  let at = instance.report(5);
  for (let i = 0; i < count; i++) {
    const length = instance.bytes.readUInt32LE(at + 4);
    const type = instance.bytes.readUInt32LE(at) === unknownField ? 'unknown' : 'duplicate';
    found.push({
      at: instance.bytes.readUInt32LE(at + 8),
      problem: { type, path: instance.text(at + 12, length) },
    });
    at += Math.ceil((12 + length) / 8) * 8;
  }
  return found
    .sort((a, b) => a.at - b.at)
    .slice(0, maxProblems)
    .map(({ problem }) => problem);
}

const unknownField = 6;
