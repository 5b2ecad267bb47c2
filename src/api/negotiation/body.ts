/** Request bodies: JSON, YAML or protobuf → an object with defaults, and the verdict of field validation. */
import { apiError } from '../../kernel/status.ts';
import { CodecError, type Decoded, type FieldProblem, type MessageName } from '../../schema/codec.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Core } from '../core.ts';
import { decodeObject, type Gvk } from '../objects.ts';
import type { Media } from './accept.ts';
import { fromUtf8, openEnvelope, utf8 } from './wire.ts';

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
  const decoded = await decodeRaw(core, body, media, rules);
  checkKind(decoded, rules);
  checkFields(decoded.problems, rules);
  return decodeObject<T>(core.codec, rules.message, decoded.bytes, rules.gvk);
}

async function decodeRaw(core: Core, body: Uint8Array, media: Media, rules: BodyRules): Promise<Decoded> {
  const options = { defaults: true, gvk: rules.gvk };
  if (media === 'protobuf') {
    const opened = openEnvelope(body);
    if (!opened)
      throw unrecognised(
        body,
        rules,
        'provided data does not appear to be a protobuf message, expected prefix 6b387300',
      );
    const decoded = guard(body, rules, () => core.codec.fromProto(rules.message, opened.raw, options));
    return { ...decoded, apiVersion: opened.apiVersion, kind: opened.kind };
  }
  const json = media === 'yaml' ? await yamlToJson(body, rules) : { bytes: body, problems: [] };
  const decoded = guard(body, rules, () => core.codec.fromJson(rules.message, json.bytes, options));
  return { ...decoded, problems: [...json.problems, ...decoded.problems] };
}

function unrecognised(body: Uint8Array, rules: BodyRules, text: string): Error {
  return apiError.badRequest(
    `the object provided is unrecognized (must be of type ${rules.gvk.kind}): ${text} (${summary(body)})`,
  );
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

async function yamlToJson(
  body: Uint8Array,
  rules: BodyRules,
): Promise<{ bytes: Uint8Array; problems: FieldProblem[] }> {
  const { parseDocument } = await import('yaml');
  const document = parseDocument(fromUtf8(body), { uniqueKeys: false, version: '1.1', schema: 'yaml-1.1' });
  const failure = document.errors[0];
  if (failure) throw unrecognised(body, rules, `error converting YAML to JSON: yaml: ${failure.message}`);
  return { bytes: utf8(JSON.stringify(document.toJS({ maxAliasCount: 100 }) ?? null)), problems: [] };
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

function checkFields(problems: readonly FieldProblem[], rules: BodyRules): void {
  if (problems.length === 0 || rules.fieldValidation === 'Ignore') return;
  const texts = problems.map(problemText);
  if (rules.fieldValidation === 'Strict') {
    throw handledAs(rules.gvk, rules.gvk, `strict decoding error: ${texts.join(', ')}`);
  }
  for (const text of texts) rules.warn(text);
}
