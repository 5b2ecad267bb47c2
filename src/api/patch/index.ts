export { cannotApply, strictDecodingText, undecodablePatch, unknownServerError } from './errors.ts';
export { conversionText, leftOfPatch } from './go-conversion.ts';
export { goJson, goPrint, goPrint as printPatch, goSyntax, goType } from './go-values.ts';
export { deepEqual, isEmptyMap, isMap, type JsonMap, own, setOwn } from './json.ts';
export { jsonPatch, jsonPatchProblems } from './json-patch.ts';
export { mergePatch } from './merge-patch.ts';
export { duplicateFields, type PatchText, parsePatchText } from './patch-text.ts';
export { strategicMergePatch } from './strategic.ts';
