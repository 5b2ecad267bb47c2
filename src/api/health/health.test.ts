import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthPaths } from './index.ts';

const store = { name: 'store', check: () => true };
let bootstrapped = false;
const handlers = healthPaths([store], [{ name: 'bootstrap', check: () => bootstrapped }]);

function get(url: string): { status: number; body: string } {
  const [path = '', query = ''] = url.split('?');
  const handler =
    handlers.find((h) => h.path === path) ?? handlers.find((h) => h.path.endsWith('/') && path.startsWith(h.path));
  const answer = handler?.handle({
    method: 'GET',
    path,
    query: new URLSearchParams(query),
    header: () => undefined,
    user: { name: 'x', groups: [] },
  });
  assert.ok(answer && !(answer instanceof Promise));
  return { status: answer.status, body: String(answer.body) };
}

test('readyz fails until every check passes; livez does not wait for readiness', () => {
  bootstrapped = false;
  assert.deepEqual(get('/readyz'), {
    status: 500,
    body: '[+]ping ok\n[+]store ok\n[-]bootstrap failed: reason withheld\nreadyz check failed\n',
  });
  assert.deepEqual(get('/livez'), { status: 200, body: 'ok' });
  assert.equal(get('/readyz?exclude=bootstrap').body, 'ok');
  bootstrapped = true;
  assert.deepEqual(get('/readyz'), { status: 200, body: 'ok' });
});

test('verbose lists the checks; a single check has a path of its own; unknown ones are 404', () => {
  bootstrapped = true;
  assert.equal(get('/livez?verbose').body, '[+]ping ok\n[+]store ok\nlivez check passed\n');
  assert.equal(get('/readyz/bootstrap').body, 'ok');
  assert.equal(get('/readyz/nope').status, 404);
  assert.match(get('/livez?verbose&exclude=nope').body, /no matches for "nope"/);
});
