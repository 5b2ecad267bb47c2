import { apiError, StatusError } from '../../kernel/status.ts';
import {
  CompactedError,
  type StoredKind,
  type StoreEvent,
  type StoreListener,
  type Subscription,
} from '../../store/types.ts';
import type { Call, Core } from '../core.ts';
import type { Exchange } from '../exchange.ts';
import { contentTypeOf, negotiateStream, type Offer, type Projection, projectionFor } from '../negotiation/index.ts';
import type { Predicate } from '../selectors/index.ts';
import { predicateOf, reachRevision } from '../verbs/list.ts';
import { type ListOptions, parseRevision } from '../verbs/options.ts';
import { scopeOf, snapshotOf } from '../verbs/snapshot.ts';
import { classify, errorFrame, initialFrame, SharedEvent } from './frames.ts';
import { httpSink, type OpenSink, webSocketSink } from './sink.ts';
import { StreamWatcher } from './stream.ts';

const minRequestTimeoutSeconds = 1800;
/** A last bookmark before the timeout saves the client a replay. */
const bookmarkBeforeEndMs = 2000;

type Frames = Iterable<(first: boolean) => Uint8Array>;

/**
 * GET …?watch=1, over chunked HTTP or a WebSocket. What goes wrong once the request has been understood is told by an
 * ERROR event, as upstream does.
 */
export async function serveWatch(
  core: Core,
  exchange: Exchange,
  call: Call,
  options: ListOptions,
  offer: Offer,
): Promise<void> {
  const output = negotiateStream(exchange.request.header('accept'), offer);
  const projection = projectionFor(core, call.resource, output, exchange.query);
  const predicate = predicateOf(core, call, options);
  const wanted = parseRevision(options.resourceVersion);
  if (core.hub.size >= core.budget.watches) {
    throw apiError.tooManyRequests('too many watches are open, please try again later', 1);
  }
  const isProtobuf = projection.media === 'protobuf';
  const contentType = isProtobuf ? `${contentTypeOf.protobuf};stream=watch` : contentTypeOf.json;
  const opened = exchange.request.isUpgrade
    ? await webSocketSink(exchange, isProtobuf)
    : httpSink(exchange, contentType);
  const request: WatchRequest = { core, call, options, projection, predicate, opened };
  try {
    if (options.sendInitialEvents && wanted > 0) await reachRevision(core, wanted);
    if (opened.sink.closed) return;
    if (options.sendInitialEvents) startWithState(request);
    else startAfter(request, wanted || core.store.revision);
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    opened.sink.write(errorFrame(core, projection, error.status));
    opened.sink.end();
  }
}

interface WatchRequest {
  core: Core;
  call: Call;
  options: ListOptions;
  projection: Projection;
  predicate: Predicate;
  opened: OpenSink;
}

function startWithState(request: WatchRequest): void {
  const { core, call, projection, predicate } = request;
  const snapshot = snapshotOf(core, call, predicate);
  const frames = function* (): Frames {
    using held = snapshot;
    for (const entry of held.entries) {
      if (predicate.matches(entry)) yield (first) => initialFrame(core, call.resource, projection, entry, first);
    }
  };
  start(request, snapshot.revision, frames(), snapshot.revision);
}

function startAfter(request: WatchRequest, after: number): void {
  const { core, call, projection, predicate } = request;
  const missed = missedEvents(request, after);
  const frames = function* (): Frames {
    try {
      for (const shared of missed) {
        const type = classify(predicate, shared.event);
        if (type) yield (first) => shared.frame(call.resource, projection, type, first);
      }
    } finally {
      for (const shared of missed) shared.release();
    }
  };
  start(request, Math.max(after, core.store.revision), frames());
}

/** Events of the window that the client has not seen, held until they are sent. */
function missedEvents({ core, call, predicate }: WatchRequest, after: number): SharedEvent[] {
  const kind = call.resource.stored!;
  const missed: SharedEvent[] = [];
  const inScope = (event: StoreEvent): boolean =>
    (call.namespace === '' || event.namespace === call.namespace) &&
    (predicate.name === undefined || event.name === predicate.name);
  if (after >= core.store.revision) return missed;
  replayFrom(core, kind, after, {
    event(event) {
      if (!inScope(event)) return;
      const shared = new SharedEvent(core, event);
      shared.retain();
      missed.push(shared);
    },
    closed: () => {},
  }).close();
  return missed;
}

/** Subscribes after `revision`. Throws Expired when that has been forgotten. */
export function replayFrom(core: Core, kind: StoredKind, revision: number, listener: StoreListener): Subscription {
  try {
    return core.store.subscribe(kind, revision, listener);
  } catch (error) {
    if (!(error instanceof CompactedError)) throw error;
    throw apiError.expired(`too old resource version: ${error.requested} (${error.oldest})`);
  }
}

/** `frames` come before the live events after `revision`; `endRevision` marks their end for those who asked. */
function start(request: WatchRequest, revision: number, frames: Frames, endRevision?: number): void {
  const { core, call, options, projection, predicate, opened } = request;
  const watcher = new StreamWatcher(
    core,
    opened.sink,
    {
      resource: call.resource,
      projection,
      predicate,
      namespace: scopeOf(call, predicate),
      name: predicate.name ?? '',
      bookmarks: options.allowWatchBookmarks,
    },
    revision,
  );
  core.hub.join(watcher);
  limitTime(core, watcher, options);
  opened.onClosed(() => watcher.stop());
  watcher.begin(frames, endRevision).catch((error: unknown) => {
    core.log.error('watch could not begin', { error: String(error) });
    opened.sink.abort();
    watcher.stop();
  });
}

function limitTime(core: Core, watcher: StreamWatcher, options: ListOptions): void {
  const seconds = options.timeoutSeconds || minRequestTimeoutSeconds * (1 + Math.random());
  const endMs = seconds * 1000;
  const end = core.clock.after(endMs, () => watcher.finish());
  const last =
    endMs > bookmarkBeforeEndMs
      ? core.clock.after(endMs - bookmarkBeforeEndMs, () => watcher.bookmark(core.hub.settledRevision))
      : undefined;
  const leave = watcher.onEnd;
  watcher.onEnd = () => {
    end.cancel();
    last?.cancel();
    leave();
  };
}
