/** /livez, /readyz, /healthz and /version, as upstream's API server answers them. */
import { versionInfo } from '../../kernel/index.ts';
import type { PathAnswer, PathHandler, PathRequest } from '../types.ts';

const plainText = 'text/plain; charset=utf-8';

/** One named check. Throws, or returns false, when the part it names is not well. */
export interface HealthCheck {
  name: string;
  check(): boolean;
}

/** Handlers for `/livez`, `/readyz` and `/healthz`, each with `/<check>` below it. `live` is a part of `ready`. */
export function healthPaths(live: readonly HealthCheck[], ready: readonly HealthCheck[]): PathHandler[] {
  const ping: HealthCheck = { name: 'ping', check: () => true };
  const groups: readonly (readonly [string, readonly HealthCheck[]])[] = [
    ['livez', [ping, ...live]],
    ['healthz', [ping, ...live]],
    ['readyz', [ping, ...live, ...ready]],
  ];
  return groups.flatMap(([name, checks]) => {
    const handle = (request: PathRequest): PathAnswer => answer(name, checks, request);
    return [
      { path: `/${name}`, handle },
      { path: `/${name}/`, handle },
    ];
  });
}

export const versionPath: PathHandler = {
  path: '/version',
  methods: ['GET'],
  handle: () => ({
    status: 200,
    contentType: 'application/json',
    body: JSON.stringify(versionInfo.kubernetes, null, 2),
  }),
};

function answer(group: string, checks: readonly HealthCheck[], request: PathRequest): PathAnswer {
  const single = request.path.slice(group.length + 2);
  if (single) {
    const found = checks.find((check) => check.name === single);
    if (!found) return text(404, '404 page not found\n');
    if (!passes(found)) return text(500, 'internal server error: reason withheld\n');
    return { status: 200, contentType: plainText, body: 'ok' };
  }
  const excluded = new Set(request.query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const check of checks) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
    } else if (passes(check)) {
      lines.push(`[+]${check.name} ok`);
    } else {
      failed = true;
      lines.push(`[-]${check.name} failed: reason withheld`);
    }
  }
  if (excluded.size > 0) {
    const names = [...excluded].map((name) => JSON.stringify(name)).join(', ');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  if (failed) return text(500, `${lines.join('\n')}\n${group} check failed\n`);
  return text(200, request.query.has('verbose') ? `${lines.join('\n')}\n${group} check passed\n` : 'ok');
}

function passes(check: HealthCheck): boolean {
  try {
    return check.check();
  } catch {
    return false;
  }
}

function text(status: number, body: string): PathAnswer {
  return { status, contentType: plainText, headers: [['X-Content-Type-Options', 'nosniff']], body };
}
