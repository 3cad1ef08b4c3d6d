import type { Mongoose } from 'mongoose';

interface WiredTiger {
  readonly 'block-manager': { readonly 'bytes read': number; readonly 'bytes written': number };
}

/** Bytes that a server's storage engine has read from and written to its files; its journal is not among them. */
export interface Io {
  readonly read: number;
  readonly written: number;
}

/** What `use` costs in bytes read and written, with all of it on disk at the end. */
export async function ioOf(mongoose: Mongoose, use: () => Promise<unknown>): Promise<Io> {
  const before = await moved(mongoose);
  await use();
  await checkpoint(mongoose);
  const after = await moved(mongoose);
  return { read: after.read - before.read, written: after.written - before.written };
}

/** Has the server write all that is in its cache to its files. */
export async function checkpoint(mongoose: Mongoose): Promise<void> {
  await mongoose.connection.getClient().db('admin').command({ fsync: 1 });
}

async function moved(mongoose: Mongoose): Promise<Io> {
  const status = await mongoose.connection.getClient().db('admin').command({ serverStatus: 1 });
  const { 'block-manager': files } = status.wiredTiger as WiredTiger;
  return { read: Number(files['bytes read']), written: Number(files['bytes written']) };
}

export function megabytes(bytes: number): string {
  const count = bytes / 2 ** 20;
  return `${count < 10 ? count.toFixed(1) : count.toFixed(0)} MB`;
}
