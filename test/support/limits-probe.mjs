// Loaded into the program by --import: tells what limits are really in effect.
import { DatabaseSync } from 'node:sqlite';
import { getHeapStatistics } from 'node:v8';

console.error(`probe heapLimitBytes=${getHeapStatistics().heap_size_limit}`);
const { exec } = DatabaseSync.prototype;
DatabaseSync.prototype.exec = function (sql) {
  exec.call(this, sql);
  if (!sql.includes('cache_size')) return;
  console.error(`probe sqliteCacheKib=${-this.prepare('PRAGMA cache_size').get().cache_size}`);
};
