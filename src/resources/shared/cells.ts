import { labelSetText } from './labels.ts';

/** 2–3 significant figures: `5s`, `3m10s`, `4d3h`, `2y`. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes < 10) return joined(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(minutes / 60);
  if (hours < 8) return joined(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return joined(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  if (days < 365 * 8) return joined(years, 'y', days % 365, 'd');
  return `${years}y`;
}

const joined = (major: number, majorUnit: string, minor: number, minorUnit: string): string =>
  minor === 0 ? `${major}${majorUnit}` : `${major}${majorUnit}${minor}${minorUnit}`;

/** Age of an RFC 3339 time; `<unknown>` when there is none. */
export const since = (time: string | null | undefined, nowMs: number): string =>
  time ? humanDuration(nowMs - Date.parse(time)) : '<unknown>';

/** First `shown` of a list, then ` + n more...`. */
export function withMore(items: readonly string[], shown: number, separator = ',', empty = '<unset>'): string {
  if (items.length === 0) return empty;
  const text = items.slice(0, shown).join(separator);
  return items.length > shown ? `${text} + ${items.length - shown} more...` : text;
}

interface NamedImage {
  name?: string;
  image?: string;
}

export const containerNames = (containers: readonly NamedImage[] | undefined): string =>
  (containers ?? []).map((container) => container.name ?? '').join(',');

export const containerImages = (containers: readonly NamedImage[] | undefined): string =>
  (containers ?? []).map((container) => container.image ?? '').join(',');

export const orNone = (text: string | undefined): string => text || '<none>';

export const goBool = (value: boolean | undefined): string =>
  value === undefined ? '<unset>' : value ? 'True' : 'False';

const accessModeNames: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

/** `RWO,ROX`, in upstream's order, each once. */
export const accessModesText = (modes: readonly string[] | undefined): string =>
  Object.entries(accessModeNames)
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');

interface Ingress {
  ip?: string;
  hostname?: string;
}

/** Addresses of a load balancer, sorted. */
export const loadBalancerAddresses = (ingress: readonly Ingress[] | undefined): string[] =>
  [...new Set((ingress ?? []).map((one) => one.ip || one.hostname || '').filter(Boolean))].sort();

/** A node selector of a pod template in a cell. */
export const nodeSelectorCell = (selector: Record<string, string> | undefined): string =>
  labelSetText(selector) || '<none>';
