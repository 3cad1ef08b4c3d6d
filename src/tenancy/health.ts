import type { Connection } from 'mongoose';
import { ConfigError } from '../errors.ts';
import type { StorageAdmin } from '../payload/stores/storage-admin.ts';
import type { Connections } from './connections.ts';
import type { ObjectStores } from './object-stores.ts';

/** What a registry needs, and whether it answers. */
export interface Health {
  /** Whether all of it does. */
  readonly healthy: boolean;
  /** The connections of the configuration, by their keys. */
  readonly mongo: readonly ServiceHealth[];
  /** Its object storage, by the keys of `spacesConns`, or as `localStorage`. */
  readonly storage: readonly ServiceHealth[];
}

/** Whether a service answers, and does what is asked of it. */
export interface ServiceHealth {
  readonly key: string;
  readonly healthy: boolean;
  /** What is wrong, where something is. */
  readonly error?: string;
}

export interface HealthOptions {
  /**
   * How long to wait for all of them, in milliseconds.
   * @default 5000
   */
  readonly deadlineMs?: number | undefined;
}

/** Tells what is wrong with a service; undefined where nothing is. May throw it, and may take for ever. */
type Look = (signal: AbortSignal) => Promise<string | undefined>;

/**
 * Asks all services of a registry at once. What does not answer is told, and neither thrown nor waited for.
 *
 * @throws ConfigError for a deadline that is none
 */
export async function healthOf(
  connections: Connections,
  stores: ObjectStores,
  { deadlineMs = 5_000 }: HealthOptions,
): Promise<Health> {
  if (!Number.isSafeInteger(deadlineMs) || deadlineMs < 1 || deadlineMs > 600_000) {
    throw new ConfigError({ message: 'Cannot wait so long: deadlineMs is 1 to 600000 milliseconds' });
  }
  const signal = AbortSignal.timeout(deadlineMs);
  const silence = `no answer within ${deadlineMs} ms`;
  const tell = (key: string, look: Look) => told(key, look, signal, silence);
  const [mongo, storage] = await Promise.all([
    Promise.all(connections.keys().map((key) => tell(key, (end) => problemOfServer(connections.get(key), end)))),
    Promise.all(stores.admins().map(([key, admin]) => tell(key, (end) => problemOfStorage(admin, end)))),
  ]);
  return { healthy: [...mongo, ...storage].every(({ healthy }) => healthy), mongo, storage };
}

async function told(key: string, look: Look, signal: AbortSignal, silence: string): Promise<ServiceHealth> {
  const found = look(signal).catch((error: unknown) => (signal.aborted ? silence : messageOf(error)));
  const error = await Promise.race([found, aborted(signal).then(() => silence)]);
  return error === undefined ? { key, healthy: true } : { key, healthy: false, error };
}

/** Versions need a primary that has transactions: a standalone has none. */
async function problemOfServer(connection: Connection, signal: AbortSignal): Promise<string | undefined> {
  await connection.asPromise();
  const admin = connection.getClient().db('admin');
  // https://www.mongodb.com/docs/manual/reference/command/hello/
  const { setName, msg } = await admin.command({ hello: 1 }, { signal });
  return setName === undefined && msg !== 'isdbgrid'
    ? 'the server is a standalone, which has no transactions'
    : undefined;
}

async function problemOfStorage(admin: StorageAdmin, signal: AbortSignal): Promise<string | undefined> {
  const { valid, issues } = await admin.validateSpacesConfiguration({ signal });
  return valid ? undefined : issues.join('. ');
}

/** Of a connection string that it cannot read the driver tells parts, and any may be a secret. */
function messageOf(error: unknown): string {
  const { name, message } = error as Error;
  return name === 'MongoParseError' ? 'its connection string has an option or a value that cannot be used' : message;
}

function aborted(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}
