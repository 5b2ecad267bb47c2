/** Rules for label keys and values, with the messages of apimachinery's validation. None = valid. */

const namePattern = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const valuePattern = `(${namePattern})?`;
const subdomainPattern = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

const isName = new RegExp(`^${namePattern}$`);
const isValue = new RegExp(`^${valuePattern}$`);
const isSubdomain = new RegExp(`^${subdomainPattern}$`);

const nameRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character " +
  `(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${namePattern}')`;
const valueRule =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end " +
  `with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '${valuePattern}')`;
const subdomainRule =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end " +
  `with an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomainPattern}')`;

const tooLong = (bytes: number): string => `must be no more than ${bytes} bytes`;

/** `[prefix/]name` */
export function labelKeyProblems(key: string): string[] {
  const parts = key.split('/');
  if (parts.length > 2) {
    return [`a valid label key ${nameRule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const problems: string[] = [];
  const name = parts.at(-1)!;
  if (parts.length === 2) problems.push(...prefixProblems(parts[0]!).map((problem) => `prefix part ${problem}`));
  if (name.length === 0) problems.push('name part must be non-empty');
  else if (name.length > 63) problems.push(`name part ${tooLong(63)}`);
  if (!isName.test(name)) problems.push(`name part ${nameRule}`);
  return problems;
}

function prefixProblems(prefix: string): string[] {
  if (prefix === '') return ['must be non-empty'];
  return [...(prefix.length > 253 ? [tooLong(253)] : []), ...(isSubdomain.test(prefix) ? [] : [subdomainRule])];
}

export function labelValueProblems(value: string): string[] {
  return [...(value.length > 63 ? [tooLong(63)] : []), ...(isValue.test(value) ? [] : [valueRule])];
}
