import assert from 'node:assert/strict';
import type { ServerHttp2Stream } from 'node:http2';
import { test } from 'node:test';
import { ProtoReader, ProtoWriter } from '../../schema/index.ts';
import { ManualClock, silentLogger, systemClock } from '../../kernel/index.ts';
import { createCriClient } from './client.ts';
import { encodeMessage } from './codec.ts';
import { containerdPaths, markerTopic, readEnvelope } from './containerd-events.ts';
import { frame } from './frames.ts';
import { answer, begin, FakeGrpcServer, refuse } from './testing.ts';
import type { RuntimeEvent } from './types.ts';

/** containerd.services.events.v1.Envelope around a message whose first two fields are texts. */
function envelope(topic: string, texts: readonly string[]): Uint8Array {
  const writer = new ProtoWriter();
  writer.message(4, () => {
    writer.message(2, () => {
      writer.varint(137);
      writer.tag(4, 0);
      for (const [index, text] of [...texts.entries()].reverse()) {
        writer.string(text);
        writer.tag(index + 1, 2);
      }
    });
    writer.string('containerd.events.X');
    writer.tag(1, 2);
  });
  writer.string(topic);
  writer.tag(3, 2);
  writer.string('k8s.io');
  writer.tag(2, 2);
  return writer.finish();
}

/** The marker of a PublishRequest as it comes back. */
function markerOf(request: Uint8Array): Uint8Array {
  const reader = new ProtoReader(request);
  let id = '';
  while (!reader.done) {
    const { field, wireType } = reader.tag();
    if (field !== 2) {
      reader.skip(wireType);
      continue;
    }
    const any = reader.message();
    any.tag();
    id = any.string();
  }
  const writer = new ProtoWriter();
  writer.message(4, () => {
    writer.string(id);
    writer.tag(1, 2);
  });
  writer.string(markerTopic);
  writer.tag(3, 2);
  return writer.finish();
}

/** Records what a handler is told and lets a test wait for it. */
function recorder() {
  const seen: string[] = [];
  let wake = Promise.withResolvers<void>();
  const note = (what: string): void => {
    seen.push(what);
    wake.resolve();
    wake = Promise.withResolvers();
  };
  return {
    seen,
    handler: { event: (event: RuntimeEvent) => note(`${event.type} ${event.id}`), resumed: () => note('resumed') },
    async until(count: number) {
      while (seen.length < count) await wake.promise;
      return seen;
    },
  };
}

function containerd(server: FakeGrpcServer): { stream(): ServerHttp2Stream } {
  let stream: ServerHttp2Stream | undefined;
  server.handlers.set(containerdPaths.subscribe, (opened) => {
    stream = opened;
    begin(opened);
  });
  server.handlers.set(containerdPaths.publish, (call, request, headers) => {
    assert.equal(headers['containerd-namespace'], 'k8s.io');
    stream?.write(frame(markerOf(request)));
    answer(call, new Uint8Array(0));
  });
  return { stream: () => stream as ServerHttp2Stream };
}

test('containerd’s events are told as they come; an exec’s end is not', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  const events = containerd(server);
  const cri = createCriClient({ socketPath: server.socketPath, clock: systemClock, log: silentLogger });
  const { handler, until } = recorder();
  const following = cri.events(handler);
  await until(1);
  for (const [topic, texts] of [
    ['/containers/create', ['c1', 'image']],
    ['/tasks/start', ['c1']],
    ['/tasks/delete', ['c1', '', '', '', 'exec-1']],
    ['/tasks/oom', ['c1']],
    ['/tasks/exit', ['c1', 'c1']],
    ['/tasks/delete', ['c1']],
    ['/tasks/paused', ['c1']],
    ['/containers/delete', ['c1']],
  ] as const) {
    events.stream().write(frame(envelope(topic, texts)));
  }
  assert.deepEqual(await until(6), ['resumed', 'created c1', 'started c1', 'oom c1', 'deleted c1', 'stopped c1']);
  following.stop();
  cri.close();
});

test('a container is told to have stopped when its status says so', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  const events = containerd(server);
  const states = ['CONTAINER_RUNNING', 'CONTAINER_RUNNING', 'CONTAINER_EXITED'] as const;
  let looks = 0;
  server.handlers.set('/runtime.v1.RuntimeService/ContainerStatus', (stream) => {
    const state = states[looks++] ?? 'CONTAINER_EXITED';
    answer(stream, encodeMessage('ContainerStatusResponse', { status: { state } }));
  });
  const cri = createCriClient({ socketPath: server.socketPath, clock: systemClock, log: silentLogger });
  const { handler, until } = recorder();
  const following = cri.events(handler);
  await until(1);
  events.stream().write(frame(envelope('/tasks/delete', ['c1'])));
  assert.deepEqual(await until(2), ['resumed', 'stopped c1']);
  assert.equal(looks, 3);
  following.stop();
  cri.close();
});

test('after the runtime was away the events come again, and that is told', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  const events = containerd(server);
  const cri = createCriClient({ socketPath: server.socketPath, clock: systemClock, log: silentLogger });
  const { handler, until } = recorder();
  const following = cri.events(handler);
  await until(1);
  await server.kill();
  await server.listen();
  await until(2);
  events.stream().write(frame(envelope('/tasks/start', ['c2'])));
  assert.deepEqual(await until(3), ['resumed', 'resumed', 'started c2']);
  following.stop();
  cri.close();
});

test('CRI’s own events are preferred', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  containerd(server);
  server.handlers.set('/runtime.v1.RuntimeService/Version', (stream) => answer(stream, new Uint8Array(0)));
  server.handlers.set('/runtime.v1.RuntimeService/GetContainerEvents', (stream) => {
    begin(stream);
    const event = { containerId: 'c3', containerEventType: 'CONTAINER_STOPPED_EVENT' } as const;
    stream.write(frame(encodeMessage('ContainerEventResponse', event)));
  });
  const cri = createCriClient({ socketPath: server.socketPath, clock: systemClock, log: silentLogger });
  const { handler, until } = recorder();
  const following = cri.events(handler);
  assert.deepEqual(new Set(await until(2)), new Set(['resumed', 'stopped c3']));
  following.stop();
  cri.close();
});

test('a stream of which it is not known whether it stands is made anew', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  let asked = 0;
  server.handlers.set('/runtime.v1.RuntimeService/Version', (stream) =>
    asked++ === 0 ? refuse(stream, 4, 'context deadline exceeded') : answer(stream, new Uint8Array(0)),
  );
  server.handlers.set('/runtime.v1.RuntimeService/GetContainerEvents', (stream) => begin(stream));
  const cri = createCriClient({ socketPath: server.socketPath, clock: systemClock, log: silentLogger });
  const { handler, until } = recorder();
  const following = cri.events(handler);
  assert.deepEqual(await until(1), ['resumed']);
  following.stop();
  cri.close();
});

test('a runtime that tells nothing is looked at every second', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  server.handlers.set('/runtime.v1.RuntimeService/GetContainerEvents', (stream) => {
    begin(stream);
    stream.end();
  });
  server.handlers.set('/runtime.v1.RuntimeService/Version', () => {});
  const clock = new ManualClock();
  const cri = createCriClient({ socketPath: server.socketPath, clock, log: silentLogger });
  const { handler, until, seen } = recorder();
  const following = cri.events(handler);
  await until(1);
  clock.advance(999);
  assert.equal(seen.length, 1);
  clock.advance(1);
  assert.equal(seen.length, 2);
  following.stop();
  clock.advance(10_000);
  assert.equal(seen.length, 2);
  cri.close();
});

test('a stream that is refused after the call behind it was answered is not tried again', async () => {
  using server = new FakeGrpcServer();
  await server.listen();
  const events = containerd(server);
  let refusals = 0;
  const answered = Promise.withResolvers<void>();
  server.handlers.set('/runtime.v1.RuntimeService/Version', (stream) => {
    stream.on('close', answered.resolve);
    answer(stream, new Uint8Array(0));
  });
  server.handlers.set('/runtime.v1.RuntimeService/GetContainerEvents', (stream) => {
    refusals++;
    void answered.promise.then(() => refuse(stream, 12, 'unknown method GetContainerEvents'));
  });
  const cri = createCriClient({ socketPath: server.socketPath, clock: systemClock, log: silentLogger });
  const { handler, until } = recorder();
  const following = cri.events(handler);
  await until(2);
  events.stream().write(frame(envelope('/tasks/start', ['c1'])));
  assert.deepEqual(await until(3), ['resumed', 'resumed', 'started c1']);
  assert.equal(refusals, 1);
  following.stop();
  cri.close();
});

test('an event without a container is none', () => {
  assert.equal(readEnvelope(envelope('/tasks/start', [''])), undefined);
  assert.equal(readEnvelope(new Uint8Array(0)), undefined);
});
