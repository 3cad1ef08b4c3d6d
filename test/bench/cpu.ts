import type { Mongoose } from 'mongoose';

interface ServerStatus {
  readonly extra_info?: { readonly user_time_us?: number; readonly system_time_us?: number };
}

/** Microseconds of CPU used so far by this process and by the server. Off Linux the server does not tell. */
export async function cpuUsed(mongoose: Mongoose): Promise<number> {
  const { extra_info } = (await mongoose.connection
    .getClient()
    .db('admin')
    .command({ serverStatus: 1 })) as ServerStatus;
  const { user, system } = process.cpuUsage();
  return user + system + Number(extra_info?.user_time_us ?? 0) + Number(extra_info?.system_time_us ?? 0);
}
