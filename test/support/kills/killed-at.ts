import type { Mongoose } from 'mongoose';

const NOT_OURS = new Set(['hello', 'ismaster', 'ping', 'endSessions', 'buildInfo']);

/** Steps of a process, one of which is its last. */
export interface Steps {
  /** How many there were. */
  readonly sent: number;
  /** Another step that is no command. */
  step(): void;
}

/** Kills this process right before it sends its nth command, or takes its nth step, from now on. */
export function killedAt(mongoose: Pick<Mongoose, 'connection'>, nth: number): Steps {
  const count = {
    sent: 0,
    step() {
      count.sent += 1;
      if (count.sent === nth) process.kill(process.pid, 'SIGKILL');
    },
  };
  mongoose.connection.getClient().on('commandStarted', ({ commandName }) => {
    if (!NOT_OURS.has(commandName)) count.step();
  });
  return count;
}
