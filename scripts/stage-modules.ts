/** Copies the packages that the bundle leaves outside (native or rare), with their dependencies, into FOLDER. */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('usage: stage-modules.ts FOLDER');
const modules = resolve(import.meta.dirname, '../node_modules');
const platform = `linux_${process.arch}_${process.versions.modules}`;
const wanted = ['uWebSockets.js', 'etcd3'];
const done = new Set<string>();

for (let name = wanted.shift(); name; name = wanted.shift()) {
  const from = join(modules, name);
  if (done.has(name) || !existsSync(from)) continue;
  done.add(name);
  cpSync(from, join(folder, name), { recursive: true, filter: isNeeded });
  const { dependencies = {} } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8')) as {
    dependencies?: Record<string, string>;
  };
  wanted.push(...Object.keys(dependencies));
}

/** Of the addon's binaries only this machine's kind is needed. */
function isNeeded(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return !/^uws_.*\.node$/.test(name) || name.includes(platform);
}
