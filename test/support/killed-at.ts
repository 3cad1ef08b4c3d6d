import type { Mongoose } from 'mongoose';

const NOT_OURS = new Set(['hello', 'ismaster', 'ping', 'endSessions', 'buildInfo']);

/** Kills this process right before it sends its nth command from now on. Tells how many it has sent. */
export function killedAt(mongoose: Mongoose, nth: number): { readonly sent: number } {
  const count = { sent: 0 };
  mongoose.connection.getClient().on('commandStarted', ({ commandName }) => {
    if (NOT_OURS.has(commandName)) return;
    count.sent += 1;
    if (count.sent === nth) process.kill(process.pid, 'SIGKILL');
  });
  return count;
}
