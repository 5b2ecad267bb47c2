/** Order of groups and versions in discovery: what upstream's APIServices say. */

interface GroupPriority {
  group: number;
  /** Of versions that are not 15. */
  versions?: Readonly<Record<string, number>>;
}

const priorities: Readonly<Record<string, GroupPriority>> = {
  'apiregistration.k8s.io': { group: 20_000 },
  '': { group: 18_000 },
  apps: { group: 17_800 },
  'events.k8s.io': { group: 17_750 },
  'authentication.k8s.io': { group: 17_700 },
  'authorization.k8s.io': { group: 17_600 },
  autoscaling: { group: 17_500, versions: { v2: 30 } },
  batch: { group: 17_400 },
  'certificates.k8s.io': { group: 17_300 },
  'networking.k8s.io': { group: 17_200 },
  policy: { group: 17_100 },
  'rbac.authorization.k8s.io': { group: 17_000 },
  'storage.k8s.io': { group: 16_800 },
  'admissionregistration.k8s.io': { group: 16_700 },
  'apiextensions.k8s.io': { group: 16_700 },
  'scheduling.k8s.io': { group: 16_600 },
  'coordination.k8s.io': { group: 16_500 },
  'node.k8s.io': { group: 16_300 },
  'discovery.k8s.io': { group: 16_200 },
  'resource.k8s.io': { group: 16_200, versions: { v1: 21 } },
  'flowcontrol.apiserver.k8s.io': { group: 16_100, versions: { v1: 21 } },
};

const customGroup = 1_000;
const customVersion = 100;

const groupPriority = (group: string): number => priorities[group]?.group ?? customGroup;

function versionPriority(group: string, version: string): number {
  const known = priorities[group];
  return known ? (known.versions?.[version] ?? 15) : customVersion;
}

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** Higher priority first, then by name. */
export const compareGroups = (a: string, b: string): number => groupPriority(b) - groupPriority(a) || byText(a, b);

/** Higher priority first, then as Kubernetes orders versions: v2, v1, v2beta1, v1alpha1, others. */
export const compareVersions = (group: string, a: string, b: string): number =>
  versionPriority(group, b) - versionPriority(group, a) || compareKubeVersions(a, b);

function compareKubeVersions(a: string, b: string): number {
  const x = rankOf(a);
  const y = rankOf(b);
  if (!x || !y) return x ? -1 : y ? 1 : byText(a, b);
  return y.stability - x.stability || y.major - x.major || y.minor - x.minor;
}

function rankOf(version: string): { stability: number; major: number; minor: number } | undefined {
  const match = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/.exec(version);
  if (!match) return undefined;
  const stability = match[2] === undefined ? 2 : match[2] === 'beta' ? 1 : 0;
  return { stability, major: Number(match[1]), minor: Number(match[3] ?? 0) };
}
