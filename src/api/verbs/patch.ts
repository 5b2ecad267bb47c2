import { apiError, StatusError } from '../../kernel/status.ts';
import { CodecError, type MessageName } from '../../schema/codec.ts';
import type { KubeObject, ManagedFieldsEntry } from '../../schema/object.ts';
import { applyPatch, keepReset, resetFields } from '../apply/index.ts';
import type { Call, Core } from '../core.ts';
import { inVersion, trackUpdate } from '../fields.ts';
import { decodeObject, type Gvk } from '../objects.ts';
import {
  jsonPatch,
  jsonPatchProblems,
  mergePatch,
  parsePatchText,
  printPatch,
  strategicMergePatch,
  strictDecodingText,
  undecodablePatch,
  conversionText,
  leftOfPatch,
} from '../patch/index.ts';
import { fromUtf8, goJson, parseYaml, unregistered, utf8, yamlErrors } from '../negotiation/index.ts';
import type { Outcome } from './commit.ts';
import { checkName, ensureNamespace } from './meta.ts';
import { managerName, type WriteOptions } from './options.ts';
import { applyUpdate } from './update.ts';

export const patchTypes = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
] as const;
export type PatchType = (typeof patchTypes)[number];

/** A parsed patch. `problems`: what strict reading of the body itself complains about. */
export interface Patch {
  type: PatchType;
  body: unknown;
  problems: readonly string[];
}

/** What a patch is applied to: the object, or a subresource's own view of it (Scale). */
export interface PatchTarget {
  message: MessageName;
  gvk: Gvk;
  /** From the served object; undefined when it does not exist. */
  read(current: KubeObject | undefined): KubeObject | undefined;
  /** Back into the served object. */
  write(current: KubeObject | undefined, patched: KubeObject): KubeObject;
  /** Records in `next`, the served object, that `manager` patched the target. */
  track(next: KubeObject, current: KubeObject, patched: KubeObject, manager: string): KubeObject;
  /** managedFields of the served object as the target shows them … */
  fields(parent: readonly ManagedFieldsEntry[] | undefined): ManagedFieldsEntry[] | undefined;
  /** … and what they are after an apply left `own` on the target. */
  parentFields(
    parent: readonly ManagedFieldsEntry[] | undefined,
    own: ManagedFieldsEntry[] | undefined,
  ): ManagedFieldsEntry[] | undefined;
}

const wholeObject = (core: Core, call: Call): PatchTarget => ({
  message: call.resource.definition.message,
  gvk: call.resource.gvk,
  read: (current) => current,
  write: (_current, patched) => patched,
  track: (next, current, _patched, manager) => trackUpdate(core, call, current, next, manager),
  fields: (parent) => parent && [...parent],
  parentFields: (_parent, own) => own,
});

/** PATCH of any type. Re-evaluated when another write comes between. */
export async function patchObject(
  core: Core,
  call: Call,
  patch: Patch,
  options: WriteOptions,
  target: PatchTarget = wholeObject(core, call),
): Promise<Outcome> {
  const isApply = patch.type === 'application/apply-patch+yaml';
  return applyUpdate(core, call, options, {
    kind: 'PatchOptions',
    uid: '',
    createMissing: isApply && call.subresource === '',
    next: (current) =>
      isApply
        ? applied(core, call, patch, options, target, current)
        : patched(core, call, patch, options, target, current!),
  });
}

function patched(
  core: Core,
  call: Call,
  patch: Patch,
  options: WriteOptions,
  target: PatchTarget,
  current: KubeObject,
): KubeObject {
  const before = target.read(current)!;
  const { object, problems, shown, told } = merge(patch, target, before);
  const result = decode(core, call, options, target, object, problems, shown, told);
  const next = target.write(current, result);
  finishNext(call, next);
  return target.track(next, current, result, managerName(options, call.userAgent));
}

/** `shown`: the text that upstream puts into messages about what came out; `told`: how it words a decoder's error. */
function merge(
  patch: Patch,
  target: PatchTarget,
  before: KubeObject,
): { object: unknown; problems: readonly string[]; shown: () => string; told?: (text: string) => string } {
  switch (patch.type) {
    case 'application/json-patch+json': {
      const object = jsonPatch(before, patch.body);
      const own = jsonPatchProblems(patch.body).map((text) => `json patch ${text}`);
      return { object, problems: [...patch.problems, ...own], shown: () => goJson(asGoMerges(object, before)) };
    }
    case 'application/merge-patch+json': {
      const object = mergePatch(before, patch.body);
      return { object, problems: patch.problems, shown: () => goJson(asGoMerges(object, before)) };
    }
    default: {
      const object = strategicMergePatch(target.message, before, patch.body);
      return {
        object,
        problems: patch.problems,
        shown: () => printPatch(leftOfPatch(patch.body)),
        told: conversionText,
      };
    }
  }
}

/** Upstream's library sorts the members of what a patch touched and leaves the rest as it was. */
function asGoMerges(value: unknown, before: unknown): unknown {
  if (value === before || typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const old = (typeof before === 'object' ? before : undefined) as Record<string, unknown> | undefined;
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(members.map(([name, member]) => [name, asGoMerges(member, old?.[name])]));
}

/** Brings what a patch made into canonical form with defaults; unknown fields are judged by field validation. */
function decode(
  core: Core,
  call: Call,
  options: WriteOptions,
  target: PatchTarget,
  object: unknown,
  ownProblems: readonly string[],
  shown: () => string,
  told: (text: string) => string = (text) => text,
): KubeObject {
  const json = utf8(JSON.stringify(object));
  try {
    const decoded = core.codec.fromJson(target.message, json, { defaults: true, gvk: target.gvk });
    const problems = [...ownProblems, ...decoded.problems.map((p) => `${p.type} field "${p.path}"`)];
    judge(call, options, problems, shown);
    checkKind(decoded, target.gvk, shown);
    return keepReset(decodeObject(core.codec, target.message, decoded.bytes, target.gvk), object);
  } catch (error) {
    if (error instanceof CodecError) throw undecodablePatch(shown(), told(error.message));
    throw error;
  }
}

function judge(call: Call, options: WriteOptions, problems: readonly string[], shown: () => string): void {
  if (problems.length === 0 || options.fieldValidation === 'Ignore') return;
  if (options.fieldValidation === 'Strict') throw undecodablePatch(shown(), strictDecodingText(problems));
  for (const text of problems) call.warn(text);
}

function checkKind(decoded: { apiVersion?: string; kind?: string }, gvk: Gvk, shown: () => string): void {
  const apiVersion = decoded.apiVersion ?? '';
  const kind = decoded.kind ?? '';
  if (kind === '') throw undecodablePatch(shown(), `Object 'Kind' is missing in '${shown()}'`);
  if (apiVersion === gvk.apiVersion && kind === gvk.kind) return;
  throw undecodablePatch(shown(), unregistered({ apiVersion, kind }));
}

function applied(
  core: Core,
  call: Call,
  patch: Patch,
  options: WriteOptions,
  target: PatchTarget,
  current: KubeObject | undefined,
): KubeObject {
  const before = target.read(current);
  const { object, managedFields } = applyPatch({
    apiVersion: target.gvk.apiVersion,
    kind: target.gvk.kind,
    message: target.message,
    live: before && withFields(before, target.fields(current?.metadata.managedFields)),
    applied: patch.body,
    manager: options.fieldManager,
    force: options.force === true,
    subresource: call.subresource,
    timeMs: core.clock.nowMs(),
    filter: resetFields(call.resource.definition, call.subresource),
    inVersion: (other, apiVersion) => inVersion(core, call, other, apiVersion),
  });
  if (patch.problems.length > 0) judgeYaml(call, options, patch.problems);
  const json = utf8(JSON.stringify(object));
  const decoded = core.codec.fromJson(target.message, json, { defaults: true, gvk: target.gvk });
  const result = decodeObject(core.codec, target.message, decoded.bytes, target.gvk);
  const next = target.write(current, result);
  finishNext(call, next);
  const fields = target.parentFields(current?.metadata.managedFields, managedFields);
  if (fields?.length) next.metadata.managedFields = fields;
  else delete next.metadata.managedFields;
  if (!current && next.metadata.uid) {
    throw apiError.conflict(
      call.resource.qualified,
      call.name,
      `uid mismatch: the provided object specified uid ${next.metadata.uid}, and no existing object was found`,
    );
  }
  return next;
}

function withFields(object: KubeObject, managedFields: ManagedFieldsEntry[] | undefined): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(managedFields && { managedFields }) } };
}

function judgeYaml(call: Call, options: WriteOptions, problems: readonly string[]): void {
  if (options.fieldValidation === 'Ignore') return;
  if (options.fieldValidation === 'Strict') {
    throw apiError.badRequest(`error strict decoding YAML: error converting YAML to JSON: ${yamlErrors(problems)}`);
  }
  for (const text of problems) call.warn(text);
}

function finishNext(call: Call, next: KubeObject): void {
  ensureNamespace(call, next);
  checkName(call, next);
  call.resource.definition.default?.(next);
}

/** Reads a patch body. Throws UnsupportedMediaType or BadRequest. */
export async function parsePatch(contentType: string | undefined, body: Uint8Array): Promise<Patch> {
  const type = (contentType ?? '').split(';', 1)[0]!.trim() as PatchType;
  if (!patchTypes.includes(type)) throw new StatusError('UnsupportedMediaType', '415: Unsupported Media Type', {});
  const text = fromUtf8(body);
  if (type === 'application/apply-patch+yaml') return parseApply(text);
  const prefix = type === 'application/strategic-merge-patch+json' ? '' : 'error decoding patch: ';
  return { type, ...parsePatchText(text, prefix) };
}

async function parseApply(text: string): Promise<Patch> {
  const type = 'application/apply-patch+yaml';
  const json = jsonOrNothing(text);
  if (json !== undefined) return { type, body: json, problems: [] };
  try {
    const { value, duplicates } = await parseYaml(text);
    return { type, body: value, problems: duplicates };
  } catch (error) {
    throw apiError.badRequest(`error decoding YAML: error converting YAML to JSON: ${(error as Error).message}`);
  }
}

/** Most appliers send JSON, which is YAML; flow-style YAML begins like JSON. */
function jsonOrNothing(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
