/** Writes to pods that go around the strategy: only the API server itself makes them. */
import { apiError } from '../../kernel/status.ts';
import type { Pod } from '../../schema/generated/index.ts';
import { type Entry, HeadMovedError } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { copyOf } from '../objects.ts';
import type { UserInfo } from '../types.ts';
import { bytesOf, commit } from '../verbs/commit.ts';

const attemptLimit = 32;
const pods = { group: '', resource: 'pods' };

export interface PodChange {
  namespace: string;
  name: string;
  user: UserInfo;
  dryRun: boolean;
  /** Changes a copy of the newest version in place, or throws. Called again when another write comes between. */
  change(pod: Pod): void;
}

/** Applies a change; undefined for a dry run. */
export async function changePod(core: Core, request: PodChange): Promise<Entry | undefined> {
  const { namespace, name, user } = request;
  const resource = core.registry.find('', 'v1', 'pods')!;
  const call: Call = { user, resource, subresource: '', namespace, name, userAgent: '', warn: () => {} };
  for (let attempt = 0; attempt < attemptLimit; attempt++) {
    try {
      return await attemptChange(core, call, request);
    } catch (error) {
      if (!(error instanceof HeadMovedError)) throw error;
    }
  }
  throw apiError.modified(pods, name);
}

async function attemptChange(core: Core, call: Call, { change, dryRun }: PodChange): Promise<Entry | undefined> {
  const head = core.store.head(call.resource.stored!, call.namespace, call.name);
  if (!head) throw apiError.notFound(pods, call.name);
  const pod = copyOf(core.store.object<Pod>(head));
  change(pod);
  if (dryRun) return undefined;
  return commit(core, call, call.name, {
    operation: 'put',
    expectedRevision: head.revision,
    bytes: bytesOf(core, call, pod),
    durability: 'hard',
    essential: true,
  });
}
