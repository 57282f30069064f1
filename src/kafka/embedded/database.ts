import { closeSync, fdatasync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { Fault } from '../../core/fault.ts'

/** `full`: an acknowledged record survives loss of power. `off`: it survives kill -9, but not loss of power. */
export type Fsync = 'full' | 'off'

/** Raised with every change that an older Millrace could not read. */
const SCHEMA_VERSION = 1
/** "MILL": tells our files from other SQLite files. */
const APPLICATION_ID = 0x4d494c4c
const FILE = 'log.sqlite'
/** Who holds the folder, for the message only: the lock itself is SQLite's, and dies with its process. */
const HOLDER = 'holder.pid'
/** A starting process may find the lock held for a moment by one that looks and goes. */
const LOCK_WAIT_MS = 300

const SCHEMA = `
  CREATE TABLE topic (name TEXT PRIMARY KEY, id TEXT NOT NULL, partitions INTEGER NOT NULL, config TEXT NOT NULL);
  CREATE TABLE segment (
    id INTEGER PRIMARY KEY AUTOINCREMENT, topic_id TEXT NOT NULL, partition INTEGER NOT NULL, first INTEGER NOT NULL,
    opened INTEGER NOT NULL, newest INTEGER NOT NULL, bytes INTEGER NOT NULL);
  CREATE TABLE position (
    grp TEXT NOT NULL, topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, epoch INTEGER NOT NULL,
    metadata TEXT NOT NULL, PRIMARY KEY (grp, topic, partition)) WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/**
 * The database of a folder and when it is safe on disk. SQLite itself does not sync (it would hold up the event loop for as long as the
 * disk takes); we keep the same order, off the loop:
 *
 *     commit (into the write-ahead log) ─► sync the write-ahead log ─► acknowledge
 *     checkpoint: sync the write-ahead log ─► copy it into the database ─► sync the database ─► next commit (begins a new write-ahead log)
 *
 * The caller runs one of these at a time, and commits nothing meanwhile.
 */
export class DataFile {
  readonly database: DatabaseSync
  readonly #fsync: Fsync
  readonly #main: number
  readonly #log: number

  /** @param folder locked by `database` already: closing another handle of its files would drop the locks of this process. */
  constructor(database: DatabaseSync, folder: string, fsync: Fsync) {
    this.database = database
    this.#fsync = fsync
    this.#main = openSync(join(folder, FILE), 'r+')
    this.#log = openSync(join(folder, `${FILE}-wal`), 'r+')
  }

  /** Resolves when what was committed is as safe as asked for. */
  async commitSynced(): Promise<void> {
    if (this.#fsync === 'full') await sync(this.#log)
  }

  /** Copies the write-ahead log into the database. */
  async checkpoint(): Promise<void> {
    await sync(this.#log)
    this.database.exec('PRAGMA wal_checkpoint(PASSIVE)')
    await sync(this.#main)
  }

  /** Writes and syncs all that is left, and unlocks the folder. Nothing may be under way. */
  close(): void {
    this.database.exec('PRAGMA synchronous = FULL')
    this.database.close()
    closeSync(this.#log)
    closeSync(this.#main)
  }
}

const sync = promisify(fdatasync)

/**
 * Opens the database of a data folder for this process alone. The folder is made when missing.
 * @throws Fault DataLocked, DataFromNewerVersion, LogRefused (not our data, or damaged), LogUnavailable (folder not usable).
 */
export function openDatabase(dir: string, fsync: Fsync): DataFile {
  const folder = resolve(dir)
  let database: DatabaseSync | undefined
  try {
    mkdirSync(folder, { recursive: true })
    database = new DatabaseSync(join(folder, FILE), { timeout: LOCK_WAIT_MS })
    prepare(database, folder)
    writeFileSync(join(folder, HOLDER), `${process.pid}\n`)
    return new DataFile(database, folder, fsync)
  } catch (error) {
    database?.close()
    throw openFault(error, folder)
  }
}

/** Locks, checks whose data it is, and makes the tables in a new file. */
function prepare(database: DatabaseSync, folder: string): void {
  // Exclusive mode: the operating system's lock is held from the first access until the process ends, however it ends.
  database.exec('PRAGMA page_size = 8192; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT')
  const version = pragma(database, 'user_version')
  const application = pragma(database, 'application_id')
  const tables = database.prepare('SELECT count(*) AS count FROM sqlite_schema').get()?.['count']
  if (application !== APPLICATION_ID && tables !== 0) {
    throw new Fault('LogRefused', `${join(folder, FILE)} is a database, but not of Millrace: choose another folder.`)
  }
  if (version > SCHEMA_VERSION) {
    throw new Fault(
      'DataFromNewerVersion',
      `The data folder ${folder} was written by a newer Millrace (format ${version}, this one knows ${SCHEMA_VERSION}): ` +
        'use that version, or another folder.',
      { details: { version, known: SCHEMA_VERSION } },
    )
  }
  // Checkpoints are the writer's, in turns of their own; secure_delete would rewrite each page of a dropped segment.
  database.exec(`
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0; PRAGMA cache_size = -8192; PRAGMA secure_delete = OFF`)
  if (tables === 0) database.exec(`BEGIN; ${SCHEMA} COMMIT`)
  // A first write, so that the write-ahead log is there and its name safe in the folder; from now on we sync by ourselves.
  else database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  database.exec('PRAGMA synchronous = OFF')
}

function pragma(database: DatabaseSync, name: 'user_version' | 'application_id'): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

function openFault(error: unknown, folder: string): Fault {
  if (error instanceof Fault) return error
  const because = { cause: error }
  const code = sqliteCode(error)
  if (code === SQLITE.BUSY) {
    return new Fault('DataLocked', `The data folder ${folder} is in use by another Millrace${holder(folder)}.`, because)
  }
  if (code === SQLITE.NOTADB || code === SQLITE.CORRUPT) {
    return new Fault('LogRefused', `The data folder ${folder} is damaged: move it away or choose another.`, because)
  }
  return new Fault('LogUnavailable', `The data folder ${folder} cannot be used: ${String(error)}`, because)
}

function holder(folder: string): string {
  try {
    const pid = Number(readFileSync(join(folder, HOLDER), 'utf8'))
    if (!Number.isInteger(pid) || pid <= 0) return ''
    return pid === process.pid ? ' (this same process)' : ` (process ${pid})`
  } catch {
    return ''
  }
}

/** The result codes of SQLite that we tell apart. */
const SQLITE = { BUSY: 5, NOMEM: 7, READONLY: 8, IOERR: 10, CORRUPT: 11, FULL: 13, CANTOPEN: 14, NOTADB: 26 } as const

/** SQLite's primary result code, or undefined for other errors. */
function sqliteCode(error: unknown): number | undefined {
  const code = (error as { errcode?: unknown } | null)?.errcode
  return typeof code === 'number' ? code & 0xff : undefined
}

/** Disk full, I/O error and the like: nothing was stored, and trying again may help. */
export function isPassing(error: unknown): boolean {
  const code = sqliteCode(error)
  return (
    code === SQLITE.FULL ||
    code === SQLITE.IOERR ||
    code === SQLITE.CANTOPEN ||
    code === SQLITE.READONLY ||
    code === SQLITE.NOMEM ||
    code === SQLITE.BUSY
  )
}
