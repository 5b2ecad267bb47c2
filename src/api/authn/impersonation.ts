/**
 * Acting as someone else: the Impersonate-* headers, the access that they need, and who results. Modes as in KEP-5284:
 * the narrow ones (`impersonate:user-info` with `impersonate-on:user-info:list` …) are tried before plain `impersonate`.
 */
import { apiError } from '../../kernel/status.ts';
import type { AccessAttributes, UserInfo } from '../types.ts';
import { unescaped } from './front-proxy.ts';
import {
  anonymousName,
  authenticatedGroup,
  nodeNameKey,
  nodeOfUserName,
  serviceAccountGroups,
  splitServiceAccountName,
  unauthenticatedGroup,
} from './users.ts';

/** What the headers ask for, as they stand. */
export interface RequestedUser {
  name: string;
  uid: string;
  groups: readonly string[];
  extra: Readonly<Record<string, readonly string[]>>;
}

type RequestHeaders = Iterable<readonly [string, string]>;

/** The user that a request wants to act as; undefined when it does not. Throws BadRequest for parts without a name. */
export function impersonation(headers: RequestHeaders): RequestedUser | undefined {
  let name = '';
  let uid = '';
  let any = false;
  const groups: string[] = [];
  const extras = new Map<string, readonly string[]>();
  for (const [header, value] of headers) {
    if (!header.startsWith('impersonate-')) continue;
    if (header === 'impersonate-user') name ||= value;
    else if (header === 'impersonate-uid') uid ||= value;
    else if (header === 'impersonate-group') groups.push(value);
    else if (header.startsWith(extraPrefix)) {
      const key = unescaped(header.slice(extraPrefix.length));
      extras.set(key, [...(extras.get(key) ?? []), value]);
    } else continue;
    any = true;
  }
  const wanted = { name, uid, groups, extra: Object.fromEntries(extras) };
  if (name) return wanted;
  if (any && (uid || groups.length > 0 || extras.size > 0)) {
    throw apiError.badRequest(`requested ${goText(wanted)} without impersonating a user name`);
  }
  return undefined;
}

const extraPrefix = 'impersonate-extra-';

/** Upstream prints its internal type. */
function goText({ uid, groups, extra }: RequestedUser): string {
  const list = (items: readonly string[]): string =>
    `[]string{${items.map((item) => JSON.stringify(item)).join(', ')}}`;
  const entries = Object.entries(extra).map(([key, values]) => `${JSON.stringify(key)}:${list(values)}`);
  const groupText = groups.length > 0 ? list(groups) : '[]string(nil)';
  const extraText = entries.length > 0 ? `map[string][]string{${entries.join(', ')}}` : 'map[string][]string(nil)';
  return `&user.DefaultInfo{Name:"", UID:${JSON.stringify(uid)}, Groups:${groupText}, Extra:${extraText}}`;
}

/** One way to be allowed: all of `access` is needed, then `user` acts. */
export interface ImpersonationMode {
  access: readonly AccessAttributes[];
  user: UserInfo;
  /** A refusal that no access lifts. */
  refused?: { attributes: AccessAttributes; reason: string };
}

/**
 * The modes that fit, narrow ones first. Access of the first mode that is allowed in full decides; when none is, the
 * first refusal is the answer. Without the request's own attributes only plain impersonation is offered.
 */
export function impersonationModes(
  requestor: UserInfo,
  wanted: RequestedUser,
  request?: AccessAttributes,
): ImpersonationMode[] {
  const modes = request ? narrowModes(requestor, wanted).map((mode) => narrowed(mode, requestor, wanted, request)) : [];
  return [...modes, legacy(requestor, wanted)];
}

type NarrowMode = 'associated-node' | 'arbitrary-node' | 'serviceaccount' | 'user-info';

function narrowModes(requestor: UserInfo, wanted: RequestedUser): NarrowMode[] {
  const onlyName = !wanted.uid && wanted.groups.length === 0 && Object.keys(wanted.extra).length === 0;
  const node = nodeOfUserName(wanted.name);
  const account = splitServiceAccountName(wanted.name);
  if (node !== undefined) {
    if (!onlyName) return [];
    const nodes = requestor.extra?.[nodeNameKey] ?? [];
    const isOnNode = splitServiceAccountName(requestor.name) && nodes.length === 1 && nodes[0] === node;
    return isOnNode ? ['associated-node', 'arbitrary-node'] : ['arbitrary-node'];
  }
  if (account) return onlyName ? ['serviceaccount'] : [];
  return ['user-info'];
}

const authentication = { group: 'authentication.k8s.io', version: 'v1' };
const core = { group: '', version: 'v1' };

function narrowed(
  mode: NarrowMode,
  requestor: UserInfo,
  wanted: RequestedUser,
  request: AccessAttributes,
): ImpersonationMode {
  const node = nodeOfUserName(wanted.name);
  const subject = mode === 'associated-node' ? associated(requestor) : requestor;
  const verb = `impersonate:${mode}`;
  const on = { ...request, user: subject, verb: `impersonate-on:${mode}:${request.verb}` };
  const access = [on, ...accessTo(subject, wanted, verb, authentication)];
  if (node !== undefined) {
    const name = mode === 'associated-node' ? '*' : node; // allowed for one's own node means: for whichever that is
    access[1] = { user: subject, verb, ...authentication, resource: 'nodes', name };
  }
  const refused = refusedGroups(wanted, { user: subject, verb, ...authentication, resource: 'groups' });
  const groups = node === undefined ? wanted.groups : ['system:nodes'];
  return { access, user: resulting({ ...wanted, groups }), ...(refused && { refused }) };
}

/** Of an account on its own node only the kind of its binding counts. */
const associated = (requestor: UserInfo): UserInfo => ({
  ...requestor,
  extra: { 'authentication.kubernetes.io/associated-node-keys': Object.keys(requestor.extra ?? {}).sort() },
});

function refusedGroups(
  wanted: RequestedUser,
  attributes: AccessAttributes,
): { attributes: AccessAttributes; reason: string } | undefined {
  if (wanted.groups.includes('')) {
    return { attributes, reason: 'impersonating the empty string group is not allowed' };
  }
  if (wanted.groups.includes('system:masters')) {
    const reason = 'impersonating the system:masters group is not allowed';
    return { attributes: { ...attributes, name: 'system:masters' }, reason };
  }
  return undefined;
}

const legacy = (requestor: UserInfo, wanted: RequestedUser): ImpersonationMode => ({
  access: accessTo(requestor, wanted, 'impersonate', core),
  user: resulting(wanted),
});

/** The access that plain impersonation of `wanted` needs: one for the name, the uid, each group, each extra value. */
function accessTo(
  user: UserInfo,
  wanted: RequestedUser,
  verb: string,
  nameAndGroups: { group: string; version: string },
): AccessAttributes[] {
  const account = splitServiceAccountName(wanted.name);
  const who: AccessAttributes = account
    ? { user, verb, ...nameAndGroups, resource: 'serviceaccounts', namespace: account.namespace, name: account.name }
    : { user, verb, ...nameAndGroups, resource: 'users', name: wanted.name };
  const extras = Object.entries(wanted.extra).flatMap(([key, values]) =>
    values.map((name) => ({ user, verb, ...authentication, resource: 'userextras', subresource: key, name })),
  );
  return [
    who,
    ...(wanted.uid ? [{ user, verb, ...authentication, resource: 'uids', name: wanted.uid }] : []),
    ...wanted.groups.map((name) => ({ user, verb, ...nameAndGroups, resource: 'groups', name })),
    ...extras,
  ];
}

function resulting({ name, uid, groups, extra }: RequestedUser): UserInfo {
  const account = splitServiceAccountName(name);
  const own = groups.length === 0 && account ? serviceAccountGroups(account.namespace) : groups;
  return {
    name,
    ...(uid && { uid }),
    groups: withGroupOfAll(name, own),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
}

function withGroupOfAll(name: string, groups: readonly string[]): readonly string[] {
  if (groups.includes(unauthenticatedGroup)) return groups;
  const group = name === anonymousName ? unauthenticatedGroup : authenticatedGroup;
  return groups.includes(group) ? groups : [...groups, group];
}

/** Makes the step of the request pipeline. `requireAccess` throws Forbidden, `forbidden` makes that error. */
export function createImpersonation(access: {
  requireAccess(attributes: AccessAttributes): void;
  forbidden(attributes: AccessAttributes, reason: string): Error;
}): (user: UserInfo, headers: RequestHeaders, request?: AccessAttributes) => UserInfo {
  return (user, headers, request) => {
    const wanted = impersonation(headers);
    if (!wanted) return user;
    let refusal: unknown;
    for (const mode of impersonationModes(user, wanted, request)) {
      try {
        for (const attributes of mode.access) access.requireAccess(attributes);
        if (mode.refused) throw access.forbidden(mode.refused.attributes, mode.refused.reason);
        return mode.user;
      } catch (error) {
        refusal ??= error;
      }
    }
    throw refusal;
  };
}
