import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HostState, hostCommands, pathMtu } from './addresses.ts';

const plan = {
  bridge: 'nsbr0',
  podNetwork: '10.42.0.0/24',
  serviceNetwork: '10.43.0.0/16',
  mtu: 1_400,
  loopback: ['10.43.0.10', '10.44.0.0'],
};

const address = (local: string, prefixlen: number) => ({ family: 'inet', local, prefixlen, scope: 'global' });
const link = (ifname: string, mtu: number, addresses: ReturnType<typeof address>[]) => ({
  ...{ ifname, mtu, flags: ['UP'], addr_info: addresses },
});

const fresh: HostState = { links: [link('lo', 65_536, [address('127.0.0.1', 8)])], routes: [] };

const complete: HostState = {
  links: [
    link('lo', 65_536, [address('127.0.0.1', 8), address('10.43.0.10', 32), address('10.44.0.0', 32)]),
    link('nsbr0', 1_400, [address('10.42.0.1', 24)]),
  ],
  routes: [{ dst: '10.43.0.0/16', dev: 'nsbr0' }],
};

test('on a fresh machine everything is made', () => {
  assert.deepEqual(hostCommands(plan, fresh), [
    'link add name nsbr0 address 0a:58:0a:2a:00:01 type bridge',
    'link set dev nsbr0 mtu 1400 up',
    'addr replace 10.42.0.1/24 dev nsbr0',
    'addr replace 10.43.0.10/32 dev lo',
    'addr replace 10.44.0.0/32 dev lo',
    'route replace 10.43.0.0/16 dev nsbr0',
  ]);
});

test('where all is as it should be, nothing is done', () => assert.deepEqual(hostCommands(plan, complete), []));

test('what has gone or is of another plan is put right', () => {
  const [lo, bridge] = complete.links;
  const state = { links: [lo!, { ...bridge!, addr_info: [address('10.99.0.1', 24)] }], routes: [] };
  assert.deepEqual(hostCommands(plan, state), [
    'addr del 10.99.0.1/24 dev nsbr0',
    'addr replace 10.42.0.1/24 dev nsbr0',
    'route replace 10.43.0.0/16 dev nsbr0',
  ]);
});

test('the MTU is that of the way out', () => {
  const routes = [{ dst: 'default', dev: 'wwan0' }];
  assert.equal(pathMtu({ links: [...fresh.links, link('wwan0', 1_428, [])], routes }), 1_428);
  assert.equal(pathMtu(fresh), undefined);
});
