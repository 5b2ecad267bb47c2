/** Watches of in-process components: straight from the store, one synchronous call an event. */
import type { Watch, WatchHandler } from '../../client/types.ts';
import type { KubeObject } from '../../schema/object.ts';
import type { Entry, StoreEvent, Subscription } from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import { decodeObject } from '../objects.ts';
import type { Predicate } from '../selectors/index.ts';
import { toServed } from '../views.ts';
import { predicateOf } from '../verbs/list.ts';
import { type ListOptions, parseRevision } from '../verbs/options.ts';
import { scopeOf, snapshotOf } from '../verbs/snapshot.ts';
import { classify, type EventType, replayFrom } from '../watch/index.ts';

type Handler = WatchHandler<KubeObject>;
type Serve = (entry: Entry) => KubeObject;

/** Begins a watch. A forgotten revision closes it at once. */
export function startWatch(core: Core, call: Call, options: ListOptions, handler: Handler, serve: Serve): Watch {
  const predicate = predicateOf(core, call, options);
  const namespace = scopeOf(call, predicate);
  const wanted = parseRevision(options.resourceVersion);
  const after = options.sendInitialEvents || wanted === 0 ? core.store.revision : wanted;
  let stopped = false;
  let subscription: Subscription | undefined;
  const stop = (): void => {
    stopped = true;
    subscription?.close();
  };
  if (options.sendInitialEvents) sendState(core, call, predicate, handler, serve, () => stopped);
  if (stopped) return { stop };
  const concerns = (event: StoreEvent): boolean =>
    (namespace === '' || event.namespace === namespace) &&
    (predicate.name === undefined || predicate.name === event.name);
  try {
    subscription = replayFrom(core, call.resource.stored!, after, {
      event(event) {
        if (stopped || !concerns(event)) return;
        const type = classify(predicate, event);
        if (type) handler.event({ type, object: objectOf(core, call, event, type, serve) });
      },
      closed(reason) {
        stopped = true;
        handler.closed(reason);
      },
    });
  } catch (error) {
    stopped = true;
    queueMicrotask(() => handler.closed(error));
    return { stop };
  }
  if (stopped) subscription.close();
  return { stop };
}

function sendState(
  core: Core,
  call: Call,
  predicate: Predicate,
  handler: Handler,
  serve: Serve,
  stopped: () => boolean,
): void {
  using snapshot = snapshotOf(core, call, predicate);
  for (const entry of snapshot.entries) {
    if (stopped()) return;
    if (predicate.matches(entry)) handler.event({ type: 'ADDED', object: serve(entry) });
  }
  handler.event({ type: 'BOOKMARK', resourceVersion: String(snapshot.revision), initialEventsEnd: true });
}

/** An object that leaves the selection shows its last selected state at the event's revision. */
function objectOf(core: Core, call: Call, event: StoreEvent, type: EventType, serve: Serve): KubeObject {
  if (type !== 'DELETED' || event.type === 'delete') return serve(event.current);
  const { stored } = call.resource;
  const bytes = core.codec.stampRevision(core.store.bytes(event.previous!), event.revision);
  const object = decodeObject(core.codec, stored!.message, bytes, stored!.gvk);
  return toServed(core, call.resource, object);
}
