import type { Mongoose } from 'mongoose';

interface ServerStatus {
  readonly extra_info?: { readonly user_time_us?: number; readonly system_time_us?: number };
}

/** Microseconds of CPU used so far by this process and by the servers. Off Linux a server does not tell. */
export async function cpuUsed(servers: readonly Mongoose[]): Promise<number> {
  const { user, system } = process.cpuUsage();
  const ofServers = await Promise.all(servers.map(usedBy));
  return ofServers.reduce((total, used) => total + used, user + system);
}

async function usedBy(mongoose: Mongoose): Promise<number> {
  const { extra_info } = (await mongoose.connection
    .getClient()
    .db('admin')
    .command({ serverStatus: 1 })) as ServerStatus;
  return Number(extra_info?.user_time_us ?? 0) + Number(extra_info?.system_time_us ?? 0);
}
