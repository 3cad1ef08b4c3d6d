import { EventEmitter, once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import type { ClientSession, mongo } from 'mongoose';
import { ConfigError } from '../errors.ts';

/** What is under way on one client: so that it can be closed without cutting anything off. */
export class Traffic {
  readonly #sockets = new Set<string>();
  readonly #calls = new Set<Promise<unknown>>();
  readonly #sessions = new Set<ClientSession>();
  readonly #streams = new Set<Stream>();
  #isClosing = false;
  readonly #changes = new EventEmitter();

  /** Begins to follow a client: a command is under way while a socket is out of the pool. */
  watch(client: mongo.MongoClient): void {
    client.on('connectionCheckedOut', ({ address, connectionId }) => this.#sockets.add(`${address} ${connectionId}`));
    const back = ({ address, connectionId }: Socket) => {
      this.#sockets.delete(`${address} ${connectionId}`);
      this.#changes.emit('change');
    };
    client.on('connectionCheckedIn', back);
    client.on('connectionClosed', back);
  }

  /**
   * Counts a call until it has ended: it may pause between its commands, before it repeats a transaction. Only promises
   * are calls that have begun; anything else that can be awaited begins when it is.
   */
  followCall<T>(result: T): T {
    if (!(result instanceof Promise)) return result;
    const ended = () => {
      this.#calls.delete(result);
      this.#changes.emit('change');
    };
    this.#calls.add(result);
    result.then(ended, ended);
    return result;
  }

  /** Counts a session, whose transaction is waited for. */
  followSession(session: ClientSession): void {
    this.#sessions.add(session);
    (session as unknown as Emitter).once('ended', () => {
      this.#sessions.delete(session);
      this.#changes.emit('change');
    });
  }

  /** Counts a change stream, which never ends by itself: it is closed first. */
  followStream(stream: Stream): void {
    this.#streams.add(stream);
    stream.once('close', () => this.#streams.delete(stream));
  }

  /**
   * Lets a call through, but when the registry is closed or about to be: then only what completes a transaction.
   *
   * @throws ConfigError
   */
  admit(session: ClientSession | null | undefined): void {
    if (this.#isClosing && session?.inTransaction() !== true) {
      throw new ConfigError({ message: 'Cannot use a registry that is closed' });
    }
  }

  /** Lets nothing new begin, and waits until all that did has ended, but no longer than it is told. */
  async drain(ms: number): Promise<void> {
    // What was called a moment ago is on its way here: Mongoose runs hooks first.
    await setImmediate();
    this.#isClosing = true;
    for (const stream of this.#streams) await stream.close();
    const signal = AbortSignal.timeout(ms);
    // Between two commands of one call there is nothing under way, for a moment.
    for (let calm = 0; calm < 3 && !signal.aborted; calm++) {
      while (this.#isBusy() && !signal.aborted) await once(this.#changes, 'change', { signal }).catch(() => undefined);
      await setImmediate();
    }
  }

  #isBusy(): boolean {
    return (
      this.#sockets.size > 0 || this.#calls.size > 0 || [...this.#sessions].some((session) => session.inTransaction())
    );
  }
}

type Socket = Pick<mongo.ConnectionCheckedInEvent, 'address' | 'connectionId'>;
type Emitter = { once(event: string, listener: () => void): unknown };
type Stream = Emitter & { close(): Promise<unknown> };
