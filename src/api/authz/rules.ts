/** The algebra of RBAC rules: what one allows, and whether some cover others (rbac.authorization.k8s.io/v1). */

/** rbac/v1 PolicyRule. Lists may be null on the wire. */
export interface PolicyRule {
  verbs?: readonly string[] | null;
  apiGroups?: readonly string[] | null;
  resources?: readonly string[] | null;
  resourceNames?: readonly string[] | null;
  nonResourceURLs?: readonly string[] | null;
}

const none: readonly string[] = [];

const listed = (list: readonly string[] | null | undefined): readonly string[] => list ?? none;

const allows = (list: readonly string[] | null | undefined, value: string): boolean =>
  list ? list.includes('*') || list.includes(value) : false;

/** True when the rule allows `verb` on the resource, leaving resourceNames aside. */
export function allowsResource(
  rule: PolicyRule,
  verb: string,
  group: string,
  resource: string,
  subresource: string,
): boolean {
  if (!allows(rule.verbs, verb) || !allows(rule.apiGroups, group)) return false;
  const resources = listed(rule.resources);
  if (!subresource) return resources.includes('*') || resources.includes(resource);
  return (
    resources.includes('*') ||
    resources.includes(`${resource}/${subresource}`) ||
    resources.includes(`*/${subresource}`)
  );
}

const trimStars = (text: string): string => text.replace(/\*+$/, '');

/** True when the rule allows `verb` on a path outside the resource tree. */
export function allowsPath(rule: PolicyRule, verb: string, path: string): boolean {
  if (!allows(rule.verbs, verb)) return false;
  return listed(rule.nonResourceURLs).some(
    (url) => url === path || (url.endsWith('*') && path.startsWith(trimStars(url))),
  );
}

/** The rules of `wanted`, broken down to single permissions, that no rule of `held` covers. */
export function uncovered(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(breakDown).filter((single) => !held.some((rule) => covers(rule, single)));
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const singles: PolicyRule[] = [];
  for (const group of listed(rule.apiGroups)) {
    for (const resource of listed(rule.resources)) {
      for (const verb of listed(rule.verbs)) {
        const single = { apiGroups: [group], resources: [resource], verbs: [verb] };
        const names = listed(rule.resourceNames);
        if (names.length) singles.push(...names.map((name) => ({ ...single, resourceNames: [name] })));
        else singles.push(single);
      }
    }
  }
  for (const url of listed(rule.nonResourceURLs)) {
    for (const verb of listed(rule.verbs)) singles.push({ nonResourceURLs: [url], verbs: [verb] });
  }
  return singles;
}

const holdsAll = (held: readonly string[] | null | undefined, wanted: readonly string[]): boolean =>
  wanted.every((value) => allows(held, value));

/** `single` comes from `breakDown`: at most one value a list. */
function covers(rule: PolicyRule, single: PolicyRule): boolean {
  const names = listed(rule.resourceNames);
  const wantedNames = listed(single.resourceNames);
  return (
    holdsAll(rule.verbs, listed(single.verbs)) &&
    holdsAll(rule.apiGroups, listed(single.apiGroups)) &&
    listed(single.resources).every((resource) => coversResource(listed(rule.resources), resource)) &&
    listed(single.nonResourceURLs).every((path) => coversPath(listed(rule.nonResourceURLs), path)) &&
    (names.length === 0 || (wantedNames.length > 0 && wantedNames.every((name) => names.includes(name))))
  );
}

function coversResource(held: readonly string[], wanted: string): boolean {
  if (held.includes('*') || held.includes(wanted)) return true;
  const slash = wanted.indexOf('/');
  return slash > 0 && held.includes(`*${wanted.slice(slash)}`);
}

const coversPath = (held: readonly string[], wanted: string): boolean =>
  held.some((path) => path === wanted || (path.endsWith('*') && wanted.startsWith(trimStars(path))));

/** One line a group of permissions, sorted: `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}`. */
export function describeRules(singles: readonly PolicyRule[]): string[] {
  const compact = new Map<
    string,
    { apiGroups: string[]; resources: string[]; resourceNames: string[]; verbs: string[] }
  >();
  const lines = new Set<string>();
  for (const rule of singles) {
    if (listed(rule.nonResourceURLs).length) {
      lines.add(describeRule(rule));
      continue;
    }
    const [group = '', resource = '', names = none] = [
      rule.apiGroups?.[0],
      rule.resources?.[0],
      listed(rule.resourceNames),
    ];
    const key = JSON.stringify([group, resource, names]);
    const entry = compact.get(key);
    if (entry) entry.verbs.push(...listed(rule.verbs));
    else {
      compact.set(key, {
        apiGroups: [group],
        resources: [resource],
        resourceNames: [...names],
        verbs: [...listed(rule.verbs)],
      });
    }
  }
  for (const rule of compact.values()) lines.add(describeRule(rule));
  return [...lines].sort();
}

/** Go's `%q` of a string slice. */
export const quoteList = (values: readonly string[]): string => `[${values.map((v) => JSON.stringify(v)).join(' ')}]`;

function describeRule(rule: PolicyRule): string {
  const parts: [string, readonly string[]][] = [
    ['APIGroups', listed(rule.apiGroups)],
    ['Resources', listed(rule.resources)],
    ['NonResourceURLs', listed(rule.nonResourceURLs)],
    ['ResourceNames', listed(rule.resourceNames)],
    ['Verbs', listed(rule.verbs)],
  ];
  const shown = parts.filter(([, values]) => values.length > 0);
  return `{${shown.map(([name, values]) => `${name}:${quoteList(values)}`).join(', ')}}`;
}
