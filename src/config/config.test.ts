import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  ConfigError,
  chooseProfile,
  dataPaths,
  defaultConfig,
  defaultDataDir,
  derive,
  loadConfig,
  loadProfiles,
  type MachineIdentity,
  readConfig,
} from './index.ts';
import { parseProfile, readProfile } from './profile.ts';

const none: MachineIdentity = { dmiVendor: '', dmiProduct: '', compatible: [] };
const refuse = (line: string): never => assert.fail(line);

test('an empty document gives the defaults', () => assert.deepEqual(readConfig({}, refuse), defaultConfig()));

test('the defaults as show-config prints them are a configuration, and so is the file that the package installs', () => {
  assert.deepEqual(readConfig(defaultConfig(), refuse), defaultConfig());
  const installed = { file: join(import.meta.dirname, '../../rpm/config.yaml.default'), dropInFolder: '/nowhere' };
  assert.deepEqual(loadConfig(installed, refuse), defaultConfig());
});

test('drop-ins merge over the file: maps merge, lists are replaced, null deletes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  mkdirSync(join(folder, 'config.d/deep'), { recursive: true });
  writeFileSync(
    join(folder, 'config.yaml'),
    'dns: {baseDomain: one.test}\nnode: {nodeIP: 192.0.2.1, hostnameOverride: a}\n',
  );
  writeFileSync(
    join(folder, 'config.d/10-a.yaml'),
    'node: {hostnameOverride: null}\napiServer: {subjectAltNames: [x.test]}\n',
  );
  writeFileSync(join(folder, 'config.d/deep/20-b.yaml'), 'apiServer: {subjectAltNames: [y.test]}\n');
  writeFileSync(join(folder, 'config.d/30-c.yml'), 'dns: {baseDomain: ignored.test}\n');
  writeFileSync(join(folder, 'config.d/40-blank.yaml'), '\n');
  const config = loadConfig({ file: join(folder, 'config.yaml'), dropInFolder: join(folder, 'config.d') }, refuse);
  assert.equal(config.dns.baseDomain, 'one.test');
  assert.equal(config.node.nodeIP, '192.0.2.1');
  assert.equal(config.node.hostnameOverride, '');
  assert.deepEqual(config.apiServer.subjectAltNames, ['y.test']);
});

test('the audit log: a zero leaves the default, bodies are not recorded', () => {
  const lines: string[] = [];
  const auditLog = { profile: 'AllRequestBodies', maxFiles: 0, maxFileSize: 5, maxFileAge: 30 };
  const { apiServer } = readConfig({ apiServer: { auditLog } }, (line) => lines.push(line));
  assert.deepEqual(apiServer.auditLog, { ...auditLog, maxFiles: 10 });
  assert.deepEqual(lines, [
    'apiServer.auditLog.profile AllRequestBodies: bodies are not recorded yet; requests are recorded as Default',
  ]);
});

test('the audit log is where MicroShift has it, unless the data is elsewhere', () => {
  assert.equal(dataPaths(defaultDataDir).auditLog, '/var/log/kube-apiserver/audit.log');
  assert.equal(dataPaths('/data').auditLog, '/data/log/audit.log');
});

test('unknown and idle keys warn with their path', () => {
  const lines: string[] = [];
  readConfig({ nope: 1, node: { nope: 2 }, ingress: { status: 'Managed' } }, (line) => lines.push(line));
  assert.deepEqual(lines, [
    'unknown key nope is ignored',
    'unknown key node.nope is ignored',
    'key ingress is accepted but has no effect yet',
  ]);
});

for (const [name, document, path] of [
  ['a wrong type', { node: { nodeIP: 7 } }, 'node.nodeIP'],
  ['a bad address', { node: { nodeIP: '300.1.1.1' } }, 'node.nodeIP'],
  ['a section that is a list', { dns: [] }, 'dns'],
  ['a bad network', { network: { serviceNetwork: ['10.43.0.1/16'] } }, 'network.serviceNetwork[0]'],
  ['more pods than can be', { kubelet: { maxPods: 501 } }, 'kubelet.maxPods'],
  ['a reversed port range', { network: { serviceNodePortRange: '9-8' } }, 'network.serviceNodePortRange'],
  ['localhost as alternative name', { apiServer: { subjectAltNames: ['localhost'] } }, 'apiServer.subjectAltNames[0]'],
  ['an unknown audit profile', { apiServer: { auditLog: { profile: 'default' } } }, 'apiServer.auditLog.profile'],
  ['a negative age', { apiServer: { auditLog: { maxFileAge: -1 } } }, 'apiServer.auditLog.maxFileAge'],
  ['a number of files as text', { apiServer: { auditLog: { maxFiles: '3' } } }, 'apiServer.auditLog.maxFiles'],
  ['half a megabyte', { apiServer: { auditLog: { maxFileSize: 0.5 } } }, 'apiServer.auditLog.maxFileSize'],
  ['an unknown backend', { store: { backend: 'mongo' } }, 'store.backend'],
] as const) {
  test(`${name} is refused with its path`, () => {
    assert.throws(
      () => readConfig(document, refuse),
      (error) => error instanceof ConfigError && error.path === path,
    );
  });
}

test('broken YAML is refused with the file and the line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'config-'));
  const file = join(folder, 'config.yaml');
  writeFileSync(file, 'node: [\n');
  assert.throws(
    () => loadConfig({ file, dropInFolder: folder }, refuse),
    (error) => error instanceof ConfigError && error.path === file && /line 2/.test(error.message),
  );
});

test('addresses follow from the service network', () => {
  const derived = derive({ ...defaultConfig(), node: { hostnameOverride: 'Edge-1', nodeIP: '192.0.2.9' } });
  assert.equal(derived.nodeName, 'edge-1');
  assert.equal(derived.serviceIP, '10.43.0.1');
  assert.equal(derived.dnsIP, '10.43.0.10');
  assert.deepEqual(derived.nodePorts, { first: 30000, last: 32767 });
});

test('each board is recognised, and an unknown machine gets the small default', () => {
  const profiles = loadProfiles();
  const board = (machine: Partial<MachineIdentity>): string => chooseProfile(profiles, { ...none, ...machine }).board;
  assert.equal(board({ dmiVendor: 'Intel(R) Client Systems', dmiProduct: 'NUC8i5BEH' }), 'nuc');
  assert.equal(board({ dmiVendor: 'Compulab', dmiProduct: 'fitlet2' }), 'fitlet2');
  assert.equal(board({ compatible: ['nvidia,p2771-0000', 'nvidia,tegra186'] }), 'jetson-tx2');
  assert.equal(board({ compatible: ['xlnx,zynqmp-zcu102', 'xlnx,zynqmp'] }), 'zynq-ultrascale');
  assert.equal(board({ dmiVendor: 'QEMU', dmiProduct: 'Standard PC' }), 'default');
  assert.equal(chooseProfile(profiles, none, 'nuc').board, 'nuc');
  assert.throws(() => chooseProfile(profiles, none, 'pdp11'), /no profile is named "pdp11"/);
});

test('a profile with a missing, unknown or excessive bound is refused with its path', () => {
  const text = (budget: string): string => `board: x\ndescription: y\nrecognise: {}\nbudget: ${budget}`;
  assert.throws(
    () => parseProfile(text('{}'), 'x.yaml'),
    /x\.yaml: budget\.heapMib: must be a whole number from 32 to 4096/,
  );
  assert.throws(() => parseProfile(text('{turbo: 1}'), 'x.yaml'), /x\.yaml: budget\.turbo: is not a known key/);
  assert.throws(() => parseProfile(text('{heapMib: 1e9}'), 'x.yaml'), /budget\.heapMib/);
  assert.throws(() => readProfile('/nowhere/x.yaml'), /invalid configuration: \/nowhere\/x\.yaml: cannot be read/);
});
