/**
 * Objects in one SQLite file. WAL, with the durability of synchronous=FULL, but no fsync on the event loop: SQLite
 * writes, and the file is synced from libuv's pool before a commit is answered. A checkpoint keeps SQLite's own order:
 * the log is synced before its pages go into the database, the database before the log is begun anew, and the log's
 * new header before its old frames are overwritten. test/faults/power-cut.test.ts holds it to that.
 */
import { closeSync, fdatasync, fsync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { BackendFatalError, type Backend, type BackendChange, type CommitOptions, DiskFullError } from '../types.ts';

export interface SqliteOptions {
  /** SQLite's page cache. */
  cacheBytes: number;
}

type Sqlite = typeof import('node:sqlite');
type Database = import('node:sqlite').DatabaseSync;
type Statement = import('node:sqlite').StatementSync;

/** Small pages: a change of one object writes a third to a half less than with 4 KiB. */
const pageBytes = 1024;
/** Pages the log may hold, about, before they are moved into the database. */
const checkpointPages = 2000;
const sqliteFull = 13;
const schemaVersion = 1;

const syncData = promisify(fdatasync);
const syncFile = promisify(fsync);

/** Opens (or makes) the database at `path`. Only one process may have it open. */
export async function sqliteBackend(path: string, options: SqliteOptions): Promise<Backend> {
  const sqlite = await import('node:sqlite');
  const database = new sqlite.DatabaseSync(path);
  try {
    prepareDatabase(database, options);
  } catch (error) {
    database.close();
    throw error;
  }
  // Makes the names certain: of the database, and of the journal that made it and is gone.
  await syncDirectory(dirname(path));
  return new SqliteBackend(sqlite, database, path);
}

function prepareDatabase(database: Database, { cacheBytes }: SqliteOptions): void {
  // EXCLUSIVE before WAL keeps the log's index in the heap, and a second process out.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA page_size = ${pageBytes};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = ${2 * checkpointPages * pageBytes};
    PRAGMA cache_size = -${Math.ceil(cacheBytes / 1024)};
    PRAGMA temp_store = MEMORY;
  `);
  const { user_version: found } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (found > schemaVersion) throw new Error(`the database has format ${found}; this version knows ${schemaVersion}`);
  if (found === schemaVersion) return;
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE object (key TEXT NOT NULL UNIQUE, revision INTEGER NOT NULL, value BLOB NOT NULL);
    CREATE TABLE ceiling (revision INTEGER NOT NULL, checkpoints INTEGER NOT NULL);
    INSERT INTO ceiling VALUES (0, 0);
    PRAGMA user_version = ${schemaVersion};
    COMMIT;
  `);
}

class SqliteBackend implements Backend {
  readonly ownsRevisions = true;
  readonly #sqlite: Sqlite;
  readonly #database: Database;
  readonly #put: Statement;
  readonly #delete: Statement;
  readonly #setCeiling: Statement;
  readonly #checkpointLog: Statement;
  /** Changes a single page. */
  readonly #countCheckpoint: Statement;
  /** Descriptors of our own, for syncing off the loop. Closed after SQLite: closing one would drop SQLite's locks. */
  readonly #databaseFile: number;
  readonly #logFile: number;
  #logPages = 0;

  constructor(sqlite: Sqlite, database: Database, path: string) {
    this.#sqlite = sqlite;
    this.#database = database;
    this.#put = database.prepare(
      'INSERT INTO object (key, revision, value) VALUES (?, ?, ?) ' +
        'ON CONFLICT (key) DO UPDATE SET revision = excluded.revision, value = excluded.value',
    );
    this.#delete = database.prepare('DELETE FROM object WHERE key = ?');
    this.#setCeiling = database.prepare('UPDATE ceiling SET revision = ?');
    this.#checkpointLog = database.prepare('PRAGMA wal_checkpoint(PASSIVE)');
    this.#countCheckpoint = database.prepare('UPDATE ceiling SET checkpoints = checkpoints + 1');
    // The log's file exists once something has been read in WAL mode under the exclusive lock.
    database.prepare('SELECT revision FROM ceiling').get();
    this.#databaseFile = openSync(path, 'r+');
    this.#logFile = openSync(`${path}-wal`, 'r+');
  }

  async load(each: Parameters<Backend['load']>[0]): Promise<{ revision: number }> {
    const row = this.#database.prepare('SELECT revision FROM ceiling').get() as { revision: number };
    let { revision } = row;
    const records = this.#database.prepare('SELECT key, revision, value FROM object ORDER BY key').iterate();
    for (const record of records as Iterable<{ key: string; revision: number; value: Uint8Array }>) {
      revision = Math.max(revision, record.revision);
      each(record);
    }
    return { revision };
  }

  async commit(changes: readonly BackendChange[], { durable, ceiling }: CommitOptions): Promise<undefined> {
    try {
      this.#transact(changes, ceiling);
    } catch (error) {
      if (!(error instanceof DiskFullError)) throw error;
      // Once its pages are written back, the log's own space can be used again.
      await this.#checkpoint();
      this.#transact(changes, ceiling);
    }
    if (durable) await this.#sync(this.#logFile);
    if (this.#logPages >= checkpointPages) await this.#checkpoint();
  }

  compact(): Promise<void> {
    return Promise.resolve();
  }

  async snapshot(path: string): Promise<void> {
    await this.#sqlite.backup(this.#database, path);
    const copy = openSync(path, 'r+');
    try {
      await syncFile(copy);
    } finally {
      closeSync(copy);
    }
    await syncDirectory(dirname(path));
  }

  async close(): Promise<void> {
    this.#database.exec('PRAGMA synchronous = FULL');
    this.#database.close();
    closeSync(this.#logFile);
    closeSync(this.#databaseFile);
  }

  #transact(changes: readonly BackendChange[], ceiling: number | undefined): void {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const { key, revision, value } of changes) {
        if (value) this.#put.run(key, revision, value);
        else this.#delete.run(key);
        this.#logPages += 1 + Math.ceil((value?.length ?? 0) / pageBytes);
      }
      if (ceiling !== undefined) this.#setCeiling.run(ceiling);
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#rollBack(error as SqliteError);
    }
  }

  #rollBack(error: SqliteError): never {
    if (!isDiskFull(error)) throw new BackendFatalError(`SQLite: ${error.message}`, error);
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    throw new DiskFullError(`the object store cannot be written: ${error.message}`, error);
  }

  async #sync(file: number): Promise<void> {
    try {
      await syncData(file);
    } catch (error) {
      throw new BackendFatalError('the database could not be synced', error);
    }
  }

  /** Moves the log's pages into the database. No commit runs meanwhile. */
  async #checkpoint(): Promise<void> {
    await this.#sync(this.#logFile);
    this.#logPages = 0;
    const isComplete = this.#withoutSync(() => this.#writeBack());
    await this.#sync(this.#databaseFile);
    if (!isComplete) return;
    // The log begins anew with the next transaction. If that wrote frames beyond the first before the header is
    // certain, a power cut could leave a piece of the old log that looks whole. So let it be one of a single frame.
    this.#withoutSync(() => this.#countCheckpoint.run());
    await this.#sync(this.#logFile);
  }

  /** False when the disk was too full to take all pages: they stay in the log. */
  #writeBack(): boolean {
    try {
      const { log, checkpointed } = this.#checkpointLog.get() as { log: number; checkpointed: number };
      return log === checkpointed;
    } catch (error) {
      if (isDiskFull(error as SqliteError)) return false;
      throw error;
    }
  }

  /** Runs a step whose syncs are ours to make. Everywhere else SQLite syncs a new log's header by itself. */
  #withoutSync<T>(step: () => T): T {
    try {
      this.#database.exec('PRAGMA synchronous = OFF');
      return step();
    } catch (error) {
      throw new BackendFatalError('SQLite could not write its log back', error);
    } finally {
      this.#database.exec('PRAGMA synchronous = NORMAL');
    }
  }
}

type SqliteError = Error & { errcode?: number };

/** A full disk leaves the database as it was; after any other failure nobody knows. */
const isDiskFull = ({ errcode = 0 }: SqliteError): boolean => (errcode & 0xff) === sqliteFull;

async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, 'r');
  try {
    await syncFile(directory);
  } finally {
    closeSync(directory);
  }
}
