import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StatusError } from '../../kernel/index.ts';
import type { ContainerState, Pod } from '../../schema/generated/index.ts';
import { chooseContainer, loggedContainer, runtimeId } from './containers.ts';

const podOf = (names: readonly string[], init: readonly string[] = []): Pod =>
  ({
    metadata: { name: 'web' },
    spec: { containers: names.map((name) => ({ name })), initContainers: init.map((name) => ({ name })) },
  }) as Pod;

const withState = (state: ContainerState, lastState: ContainerState = {}): Pod => ({
  ...podOf(['a']),
  status: { containerStatuses: [{ name: 'a', containerID: 'containerd://now', state, lastState }] } as NonNullable<
    Pod['status']
  >,
});

const refuses = (run: () => unknown, message: string): void =>
  assert.throws(run, (error) => error instanceof StatusError && error.code === 400 && error.message === message);

describe('which container', () => {
  test('the only one, or the one that is named', () => {
    assert.equal(chooseContainer(podOf(['a']), ''), 'a');
    assert.equal(chooseContainer(podOf(['a', 'b'], ['i']), 'i'), 'i');
  });

  test('refusals are worded as upstream', () => {
    refuses(
      () => chooseContainer(podOf(['a', 'b'], ['i']), ''),
      'a container name must be specified for pod web, choose one of: [i a b]',
    );
    refuses(() => chooseContainer(podOf(['a']), 'x'), 'container x is not valid for pod web');
    refuses(() => chooseContainer(podOf([]), ''), 'a container name must be specified for pod web');
  });
});

const ended = (containerID?: string): ContainerState =>
  ({ terminated: { exitCode: 1, ...(containerID && { containerID }) } }) as ContainerState;
const waiting = (reason: string): ContainerState => ({ waiting: { reason } });
const running: ContainerState = { running: {} };

describe('whose log', () => {
  test('the running one, the ended one, or the one before', () => {
    assert.equal(loggedContainer(withState(running, ended('containerd://old')), 'a', false), 'containerd://now');
    assert.equal(loggedContainer(withState(running, ended('containerd://old')), 'a', true), 'containerd://old');
    assert.equal(loggedContainer(withState(ended('containerd://it')), 'a', false), 'containerd://it');
    assert.equal(loggedContainer(withState(ended(), ended('containerd://old')), 'a', false), 'containerd://old');
    const looping = withState(waiting('CrashLoopBackOff'), ended('containerd://old'));
    assert.equal(loggedContainer(looping, 'a', false), 'containerd://old');
  });

  for (const [what, pod, previous, message] of [
    ['not known yet', podOf(['a']), false, 'container "a" in pod "web" is not available'],
    [
      'being made',
      withState(waiting('ContainerCreating')),
      false,
      'container "a" in pod "web" is waiting to start: ContainerCreating',
    ],
    [
      'without an image',
      withState(waiting('ErrImagePull')),
      false,
      `container "a" in pod "web" is waiting to start: image can't be pulled`,
    ],
    [
      'still without an image',
      withState(waiting('ImagePullBackOff')),
      false,
      'container "a" in pod "web" is waiting to start: trying and failing to pull image',
    ],
    ['in no state', withState({}), false, 'container "a" in pod "web" is waiting to start - no logs yet'],
    ['ended without a trace', withState(ended()), false, 'container "a" in pod "web" is terminated'],
    ['in its first life', withState(running), true, 'previous terminated container "a" in pod "web" not found'],
  ] as const) {
    test(`a container ${what}`, () => refuses(() => loggedContainer(pod, 'a', previous), message));
  }

  test('the runtime knows it without its scheme', () => assert.equal(runtimeId('containerd://abc'), 'abc'));
});
