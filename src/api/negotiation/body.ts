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
import type { Core } from '../core.ts';
import { decodeObject, type Gvk } from '../objects.ts';
import type { Media } from './accept.ts';
import { fromUtf8, utf8 } from './wire.ts';
import { parseYaml } from './yaml.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface BodyRules {
  message: MessageName;
  gvk: Gvk;
  fieldValidation: FieldValidation;
  warn(text: string): void;
  /** Other apiVersions that the body may name (DeleteOptions of any group). */
  anyVersion?: boolean;
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
  const { decoded, complaints } = await decodeRaw(core, body, media, rules);
  checkKind(decoded, rules);
  checkFields(complaints, rules);
  return decodeObject<T>(core.codec, rules.message, decoded.bytes, rules.gvk);
}

async function decodeRaw(
  core: Core,
  body: Uint8Array,
  media: Media,
  rules: BodyRules,
): Promise<{ decoded: Decoded; complaints: string[] }> {
  const options = { defaults: true, gvk: rules.gvk };
  if (media === 'protobuf') {
    const { apiVersion, kind, message } = open(body, rules);
    const decoded = guard(body, rules, () => core.codec.fromProto(rules.message, message, options));
    return { decoded: { ...decoded, apiVersion, kind }, complaints: [] };
  }
  const json = media === 'yaml' ? await yamlToJson(body, rules) : { bytes: body, complaints: [] };
  const decoded = guard(body, rules, () => core.codec.fromJson(rules.message, json.bytes, options));
  return { decoded, complaints: [...json.complaints, ...decoded.problems.map(problemText)] };
}

function unrecognised(body: Uint8Array, rules: BodyRules, text: string): Error {
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
    throw handledAs(rules.gvk, rules.gvk, error.message);
  }
}

/** Duplicate keys of YAML are reported in the words of its parser. */
async function yamlToJson(body: Uint8Array, rules: BodyRules): Promise<{ bytes: Uint8Array; complaints: string[] }> {
  try {
    const { value, duplicates } = await parseYaml(fromUtf8(body));
    return { bytes: utf8(JSON.stringify(value ?? null)), complaints: duplicates };
  } catch (error) {
    throw unrecognised(body, rules, `couldn't get version/kind; json parse error: yaml: ${(error as Error).message}`);
  }
}

function checkKind(decoded: Decoded, rules: BodyRules): void {
  const found = { apiVersion: decoded.apiVersion || rules.gvk.apiVersion, kind: decoded.kind || rules.gvk.kind };
  if (found.kind !== rules.gvk.kind) {
    throw handledAs(
      found,
      rules.gvk,
      `no kind "${found.kind}" of version "${found.apiVersion}" can be converted to ${rules.gvk.kind}`,
    );
  }
  if (found.apiVersion !== rules.gvk.apiVersion && !rules.anyVersion) {
    throw apiError.badRequest(
      `the API version in the data (${found.apiVersion}) does not match the expected API version (${rules.gvk.apiVersion})`,
    );
  }
}

function checkFields(complaints: readonly string[], rules: BodyRules): void {
  if (complaints.length === 0 || rules.fieldValidation === 'Ignore') return;
  if (rules.fieldValidation === 'Strict') {
    throw handledAs(rules.gvk, rules.gvk, `strict decoding error: ${complaints.join(', ')}`);
  }
  for (const text of complaints) rules.warn(text);
}
