/** Request bodies: JSON, YAML or protobuf → an object with defaults, and the verdict of field validation. */
import { apiError } from '../../kernel/status.ts';
import {
  CodecError,
  type Decoded,
  type Envelope,
  type FieldProblem,
  type KubeObject,
  type MessageName,
  unwrapEnvelope,
} from '../../schema/index.ts';
import { keepReset } from '../apply/index.ts';
import type { Core } from '../core.ts';
import { decodeObject, type Gvk } from '../objects.ts';
import type { Media } from './accept.ts';
import { fromUtf8, utf8 } from './wire.ts';
import { parseYaml, yamlErrors } from './yaml.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface BodyRules {
  message: MessageName;
  gvk: Gvk;
  fieldValidation: FieldValidation;
  warn(text: string): void;
  /** An options object: any group may be named, and errors are told without saying what was expected. */
  options?: boolean;
}

const summaryLimit = 30;

/** The body in short, for messages: text of JSON, hex of everything else. */
function summary(body: Uint8Array): string {
  if (body.length === 0) return '<empty>';
  const cut = body.subarray(0, summaryLimit);
  const text = body[0] === 0x7b ? fromUtf8(cut) : Buffer.from(cut).toString('hex');
  return body.length > summaryLimit ? `${text} ...` : text;
}

const problemText = (problem: FieldProblem): string => `${problem.type} field "${problem.path}"`;

const versionOf = (apiVersion: string): string => apiVersion.slice(apiVersion.indexOf('/') + 1);

function handledAs(found: Gvk, wanted: Gvk, text: string): Error {
  return apiError.badRequest(
    `${found.kind} in version "${versionOf(found.apiVersion)}" cannot be handled as a ${wanted.kind}: ${text}`,
  );
}

/** Decodes a body. Throws BadRequest with upstream's text. */
export async function decodeBody<T extends KubeObject>(
  core: Core,
  body: Uint8Array,
  media: Media,
  rules: BodyRules,
): Promise<T> {
  const { decoded, json, yaml, complaints } = await decodeRaw(core, body, media, rules);
  checkKind(core, body, decoded, rules);
  checkFields(yaml, complaints, rules);
  const object = decodeObject<T>(core.codec, rules.message, decoded.bytes, rules.gvk);
  // The text is read once more only where it may hold an empty list.
  const isAmbiguous = !rules.options && !object.metadata?.managedFields && json?.includes('"managedFields"');
  return isAmbiguous ? keepReset(object, JSON.parse(json!.toString())) : object;
}

async function decodeRaw(
  core: Core,
  body: Uint8Array,
  media: Media,
  rules: BodyRules,
): Promise<{ decoded: Decoded; json?: Buffer; yaml: string[]; complaints: string[] }> {
  const options = { defaults: true, gvk: rules.gvk };
  if (media === 'protobuf') {
    const { apiVersion, kind, message } = open(body, rules);
    const decoded = guard(body, rules, () => core.codec.fromProto(rules.message, message, options));
    return { decoded: { ...decoded, apiVersion, kind }, yaml: [], complaints: [] };
  }
  const json = media === 'yaml' ? await yamlToJson(body, rules) : { bytes: body, complaints: [] };
  const decoded = guard(body, rules, () => core.codec.fromJson(rules.message, json.bytes, options));
  const { buffer, byteOffset, byteLength } = json.bytes;
  return {
    decoded,
    json: Buffer.from(buffer, byteOffset, byteLength),
    yaml: json.complaints,
    complaints: decoded.problems.map(problemText),
  };
}

function unrecognised(body: Uint8Array, rules: BodyRules, text: string): Error {
  if (rules.options) return apiError.badRequest(text);
  return apiError.badRequest(
    `the object provided is unrecognized (must be of type ${rules.gvk.kind}): ${text} (${summary(body)})`,
  );
}

function open(body: Uint8Array, rules: BodyRules): Envelope {
  try {
    return unwrapEnvelope(body);
  } catch (error) {
    throw unrecognised(body, rules, (error as Error).message);
  }
}

function guard(body: Uint8Array, rules: BodyRules, decode: () => Decoded): Decoded {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    if (error.kind === 'syntax' || error.kind === 'utf8') {
      throw unrecognised(body, rules, `couldn't get version/kind; json parse error: ${error.message}`);
    }
    const notAnObject = /^json: cannot unmarshal (\w+) into Go value of type \S+$/.exec(error.message);
    if (notAnObject) {
      const text = `json: cannot unmarshal ${notAnObject[1]} into Go value of type ${typeMetaType}`;
      throw unrecognised(body, rules, `couldn't get version/kind; json parse error: ${text}`);
    }
    const badTypeMeta = /^(json: cannot unmarshal \w+ into Go struct field )\w+\.TypeMeta(\.\w+ of type string)$/.exec(
      error.message,
    );
    if (badTypeMeta) {
      throw unrecognised(
        body,
        rules,
        `couldn't get version/kind; json parse error: ${badTypeMeta[1]}${badTypeMeta[2]}`,
      );
    }
    if (rules.options) throw apiError.badRequest(error.message);
    throw handledAs(rules.gvk, rules.gvk, error.message);
  }
}

/** What Go reads apiVersion and kind into, as it prints the type. */
const typeMetaType =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** Duplicate keys of YAML are reported in the words of its parser. */
async function yamlToJson(body: Uint8Array, rules: BodyRules): Promise<{ bytes: Uint8Array; complaints: string[] }> {
  try {
    const { value, duplicates } = await parseYaml(fromUtf8(body));
    return { bytes: utf8(JSON.stringify(value ?? null)), complaints: duplicates };
  } catch (error) {
    throw unrecognised(body, rules, (error as Error).message);
  }
}

/** Where upstream's schemes stand; they are in its messages. */
const schemeName = 'pkg/api/legacyscheme/scheme.go:30';
const optionsScheme = 'k8s.io/apimachinery/pkg/apis/meta/internalversion/scheme/register.go:27';

export const unregistered = ({ apiVersion, kind }: Gvk, scheme = schemeName): string =>
  `no kind "${kind}" is registered for version "${apiVersion}" in scheme "${scheme}"`;

function checkKind(core: Core, body: Uint8Array, decoded: Decoded, rules: BodyRules): void {
  const { gvk } = rules;
  const found = { apiVersion: decoded.apiVersion || gvk.apiVersion, kind: decoded.kind || gvk.kind };
  if (rules.options && found.kind === gvk.kind) return;
  if (found.kind === gvk.kind && found.apiVersion === gvk.apiVersion) return;
  if (rules.options) throw apiError.badRequest(unregistered(found, optionsScheme));
  if (found.apiVersion.split('/').length > 2) {
    throw unrecognised(body, rules, `unexpected GroupVersion string: ${found.apiVersion}`);
  }
  if (!core.registry.hasKind(found)) throw handledAs(found, gvk, unregistered(found));
  if (found.kind !== gvk.kind) {
    const from = `${versionOf(found.apiVersion)}.${found.kind}`;
    throw handledAs(found, gvk, `converting (${from}) to (${internalPackage(gvk)}.${gvk.kind}): unknown conversion`);
  }
  throw apiError.badRequest(
    `the API version in the data (${found.apiVersion}) does not match the expected API version (${gvk.apiVersion})`,
  );
}

/** Go package of the internal type. */
const internalPackage = ({ apiVersion }: Gvk): string =>
  apiVersion.includes('/') ? apiVersion.split(/[./]/, 1)[0]! : 'core';

/** `yaml`: what the YAML parser has against the body; strict decoding reports it as one error of several lines. */
function checkFields(yaml: readonly string[], complaints: readonly string[], rules: BodyRules): void {
  if ((yaml.length === 0 && complaints.length === 0) || rules.fieldValidation === 'Ignore') return;
  if (rules.fieldValidation === 'Strict') {
    const parser = yaml.length > 0 ? [yamlErrors(yaml)] : [];
    throw handledAs(rules.gvk, rules.gvk, `strict decoding error: ${[...parser, ...complaints].join(', ')}`);
  }
  for (const text of [...yaml, ...complaints]) rules.warn(text);
}
