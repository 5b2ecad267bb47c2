/**
 * Rules for names and other short strings, with the messages of apimachinery's util/validation. A rule returns one
 * message for each thing that is wrong; none means valid.
 */

export type StringRule = (value: string) => readonly string[];

const label1123 = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const subdomain1123 = `${label1123}(\\.${label1123})*`;
const label1123Underscore = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const subdomainUnderscore = `${label1123Underscore}(\\.${label1123Underscore})*`;
const label1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const wildcardSubdomain = `\\*\\.${subdomain1123}`;
const labelKey = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const labelValueFormat = `(${labelKey})?`;
const envVar = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const configKey = '[-._a-zA-Z0-9]+';
const httpHeader = '[-A-Za-z0-9]+';
const percent = '[0-9]+%';

const whole = (pattern: string): RegExp => new RegExp(`^(?:${pattern})$`);
const isLabel1123 = whole(label1123);
const isSubdomain = whole(subdomain1123);
const isSubdomainUnderscore = whole(subdomainUnderscore);
const isLabel1035 = whole(label1035);
const isWildcard = whole(wildcardSubdomain);
const isLabelKey = whole(labelKey);
const isLabelValue = whole(labelValueFormat);
const isConfigKey = whole(configKey);
const isHttpHeader = whole(httpHeader);
const isPercent = whole(percent);

/** Text for a value that does not match a regular expression. */
export function regexMessage(text: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${text} (regex used for validation is '${pattern}')`;
  const listed = examples.map((example) => `'${example}', `).join(' or ');
  return `${text} (e.g. ${listed}regex used for validation is '${pattern}')`;
}

export const maxLengthMessage = (length: number): string => `must be no more than ${length} characters`;
const maxBytesMessage = (length: number): string => `must be no more than ${length} bytes`;
export const rangeMessage = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;

export const nonNegativeMessage = 'must be greater than or equal to 0';
export const positiveMessage = 'must be greater than zero';
export const immutableMessage = 'field is immutable';

export const dnsLabel: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 63) messages.push(maxLengthMessage(63));
  if (!isLabel1123.test(value)) {
    messages.push(
      isSubdomain.test(value)
        ? 'must not contain dots'
        : regexMessage(
            "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
            label1123,
            'my-name',
            '123-abc',
          ),
    );
  }
  return messages;
};

export const dnsSubdomain: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 253) messages.push(maxLengthMessage(253));
  if (!isSubdomain.test(value)) {
    messages.push(
      regexMessage(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
        subdomain1123,
        'example.com',
      ),
    );
  }
  return messages;
};

export const dnsSubdomainWithUnderscore: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 253) messages.push(maxLengthMessage(253));
  if (!isSubdomainUnderscore.test(value)) {
    messages.push(
      regexMessage(
        "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character",
        subdomainUnderscore,
        'example.com',
      ),
    );
  }
  return messages;
};

export const dnsLabel1035: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 63) messages.push(maxLengthMessage(63));
  if (!isLabel1035.test(value)) {
    messages.push(
      regexMessage(
        "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
        label1035,
        'my-name',
        'abc-123',
      ),
    );
  }
  return messages;
};

export const wildcardDnsSubdomain: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 253) messages.push(maxLengthMessage(253));
  if (!isWildcard.test(value)) {
    messages.push(
      regexMessage(
        "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
        wildcardSubdomain,
        '*.example.com',
      ),
    );
  }
  return messages;
};

const labelKeyText =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const labelKeyExamples = ['MyName', 'my.name', '123-abc'] as const;

/** `[prefix/]name`: keys of labels and annotations, resource names, condition types. */
export const qualifiedName: StringRule = (value) => {
  const parts = value.split('/');
  if (parts.length > 2) {
    return [
      `a valid label key ${regexMessage(labelKeyText, labelKey, ...labelKeyExamples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const messages: string[] = [];
  const name = parts[parts.length - 1] ?? '';
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (!prefix) messages.push('prefix part must be non-empty');
    else messages.push(...prefixMessages(prefix).map((message) => `prefix part ${message}`));
  }
  if (!name) messages.push('name part must be non-empty');
  else if (name.length > 63) messages.push(`name part ${maxBytesMessage(63)}`);
  if (!isLabelKey.test(name)) messages.push(`name part ${regexMessage(labelKeyText, labelKey, ...labelKeyExamples)}`);
  return messages;
};

const prefixMessages: StringRule = (prefix) =>
  dnsSubdomain(prefix).map((message) => (message === maxLengthMessage(253) ? maxBytesMessage(253) : message));

export const labelValue: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 63) messages.push(maxBytesMessage(63));
  if (!isLabelValue.test(value)) {
    messages.push(
      regexMessage(
        "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
        labelValueFormat,
        'MyValue',
        'my_value',
        '12345',
      ),
    );
  }
  return messages;
};

export const portNumber = (port: number | undefined): readonly string[] =>
  port !== undefined && port >= 1 && port <= 65535 ? [] : [rangeMessage(1, 65535)];

/** IANA service name of RFC 6335, lower case only. */
export const portName: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 15) messages.push(maxLengthMessage(15));
  if (!/^[-a-z0-9]+$/.test(value)) {
    messages.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(value)) messages.push('must contain at least one letter (a-z)');
  if (value.includes('--')) messages.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) messages.push('must not begin or end with a hyphen');
  return messages;
};

export const percentage: StringRule = (value) =>
  isPercent.test(value)
    ? []
    : [regexMessage("a valid percent string must be a numeric string followed by an ending '%'", percent, '1%', '93%')];

export const httpHeaderName: StringRule = (value) =>
  isHttpHeader.test(value)
    ? []
    : [regexMessage("a valid HTTP header must consist of alphanumeric characters or '-'", httpHeader, 'X-Header-Name')];

/** RelaxedEnvironmentVariableValidation: any printable ASCII but '='. */
export const envVarName: StringRule = (value) => {
  const messages: string[] = [];
  if (!value) messages.push('environment variable name must be non-empty');
  if (!/^[ -<>-~]*$/.test(value)) {
    messages.push("a valid environment variable name must consist only of printable ASCII characters other than '='");
  }
  return messages;
};

/** Environment variable names of old, still used where a C identifier is wanted. */
export const strictEnvVarName: StringRule = (value) => {
  const messages: string[] = [];
  if (!whole(envVar).test(value)) {
    messages.push(
      regexMessage(
        "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
        envVar,
        'my.env-name',
        'MY_ENV.NAME',
        'MyEnvName1',
      ),
    );
  }
  messages.push(...dotsMessages(value));
  return messages;
};

/** Key of a ConfigMap or Secret. */
export const configMapKey: StringRule = (value) => {
  const messages: string[] = [];
  if (value.length > 253) messages.push(maxLengthMessage(253));
  if (!isConfigKey.test(value)) {
    messages.push(
      regexMessage(
        "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
        configKey,
        'key.name',
        'KEY_NAME',
        'key-name',
      ),
    );
  }
  messages.push(...dotsMessages(value));
  return messages;
};

function dotsMessages(value: string): string[] {
  if (value === '.') return ["must not be '.'"];
  if (value === '..') return ["must not be '..'"];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** Name of an RBAC object: a path segment. */
export const pathSegment: StringRule = (value) => {
  const messages: string[] = [];
  if (value === '.' || value === '..') messages.push(`may not be '${value}'`);
  for (const character of ['/', '%']) if (value.includes(character)) messages.push(`may not contain '${character}'`);
  return messages;
};

export const userId = (id: number): readonly string[] =>
  id >= 0 && id <= 2147483647 ? [] : [rangeMessage(0, 2147483647)];
