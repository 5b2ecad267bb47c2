import type { Pod } from '../../schema/generated/index.ts';
import { goQuote } from '../volumes/index.ts';

export interface PodName {
  hostname: string;
  /** '' without a subdomain. */
  domain: string;
}

const maxHostname = 63;
const maxKernelName = 64;
const label = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const labelRule =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an " +
  "alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";

/** The name a pod goes by, and its domain. Throws with upstream's texts (GeneratePodHostNameAndDomain). */
export function podName({ metadata, spec }: Pod, clusterDomain: string): PodName {
  const { hostname = '', subdomain = '', hostnameOverride } = spec;
  if (hostnameOverride !== undefined) return { hostname: truncate(hostnameOverride, metadata.name), domain: '' };
  assertLabel('Hostname', hostname);
  assertLabel('Subdomain', subdomain);
  return {
    hostname: truncate(hostname || (metadata.name ?? ''), metadata.name),
    domain: subdomain && `${subdomain}.${metadata.namespace}.svc.${clusterDomain}`,
  };
}

/** What `uname -n` says inside the pod. */
export function kernelName({ hostname, domain }: PodName, asFQDN = false): string {
  if (!domain || !asFQDN) return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length <= maxKernelName) return full;
  throw new Error(
    'failed to construct FQDN from pod hostname and cluster domain, ' +
      `FQDN ${full} is too long (${maxKernelName} characters is the max, ${full.length} characters requested)`,
  );
}

function assertLabel(what: string, value: string): void {
  if (value === '') return;
  const problems = [
    ...(value.length > maxHostname ? [`must be no more than ${maxHostname} bytes`] : []),
    ...(label.test(value) ? [] : [labelRule]),
  ];
  if (problems.length > 0)
    throw new Error(`pod ${what} ${goQuote(value)} is not a valid DNS label: ${problems.join(';')}`);
}

function truncate(hostname: string, pod = ''): string {
  if (hostname.length <= maxHostname) return hostname;
  const short = hostname.slice(0, maxHostname).replace(/[-.]+$/, '');
  if (short === '') throw new Error(`hostname for pod ${goQuote(pod)} was invalid: ${goQuote(hostname)}`);
  return short;
}
