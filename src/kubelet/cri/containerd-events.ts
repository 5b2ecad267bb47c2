import { ProtoReader, ProtoWriter } from '../../schema/index.ts';
import type { RuntimeEvent } from './types.ts';

/** The part of containerd's event service that tells what containers do (containerd/api/services/events/v1). */
export const containerdPaths = {
  subscribe: '/containerd.services.events.v1.Events/Subscribe',
  publish: '/containerd.services.events.v1.Events/Publish',
} as const;

/** Published by the subscriber itself: once it comes back, no later event can be missed. */
export const markerTopic = '/nanoshift/subscribed';

const topics = `^(/tasks/(start|delete|oom)|/containers/(create|delete)|${markerTopic})$`;

/** SubscribeRequest. */
export function subscribeRequest(): Uint8Array {
  const writer = new ProtoWriter(128);
  writer.string(`namespace==k8s.io,topic~="${topics}"`);
  writer.tag(1, 2);
  return writer.finish();
}

/** PublishRequest of a marker that carries `id`. */
export function publishRequest(id: string): Uint8Array {
  const writer = new ProtoWriter(128);
  writer.message(2, () => {
    writer.string(id);
    writer.tag(1, 2);
  });
  writer.string(markerTopic);
  writer.tag(1, 2);
  return writer.finish();
}

export type ContainerdEvent = RuntimeEvent | { type: 'marker'; id: string };

const typeOfTopic: Readonly<Record<string, RuntimeEvent['type']>> = {
  '/containers/create': 'created',
  '/tasks/start': 'started',
  // Not /tasks/exit: that comes before containerd itself has taken notice, tens of milliseconds before CRI tells of it.
  '/tasks/delete': 'stopped',
  '/containers/delete': 'deleted',
  '/tasks/oom': 'oom',
};

/** What an Envelope tells; undefined for what is none of ours, such as the end of a process that exec had started. */
export function readEnvelope(bytes: Uint8Array): ContainerdEvent | undefined {
  const envelope = readTexts(bytes, [3], 4);
  const topic = envelope.texts.get(3) ?? '';
  const any = readTexts(envelope.message ?? new Uint8Array(0), [1], 2);
  if (topic === markerTopic) return { type: 'marker', id: any.texts.get(1) ?? '' };
  const type = typeOfTopic[topic];
  if (!type) return undefined;
  // Every one of these messages has the container's id first; the fifth field of TaskDelete is the process's.
  const { texts } = readTexts(any.message ?? new Uint8Array(0), type === 'stopped' ? [1, 5] : [1]);
  const id = texts.get(1) ?? '';
  if (!id || (texts.get(5) || id) !== id) return undefined;
  return { type, id };
}

/** The texts with these numbers, and the bytes of one message. */
function readTexts(
  bytes: Uint8Array,
  textNumbers: readonly number[],
  messageNumber = 0,
): { texts: Map<number, string>; message: Uint8Array | undefined } {
  const reader = new ProtoReader(bytes);
  const texts = new Map<number, string>();
  let message: Uint8Array | undefined;
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (wireType === 2 && field === messageNumber) message = reader.bytes();
    else if (wireType === 2 && textNumbers.includes(field)) texts.set(field, reader.string());
    else reader.skip(wireType);
  }
  return { texts, message };
}
