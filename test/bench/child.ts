import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** What a module of `children/` does when asked, by name. */
export type Tasks = Readonly<Record<string, (argument: never) => Promise<unknown>>>;

interface Request {
  readonly task: string;
  readonly argument: unknown;
}

type Answer = { readonly result: unknown } | { readonly error: string };

/** A process of its own, whose memory is that of its task alone. It does one task at a time. */
export class Child<T extends Tasks> {
  readonly #process: ChildProcess;

  constructor(module: URL) {
    this.#process = fork(fileURLToPath(module), { serialization: 'advanced' });
  }

  async ask<K extends keyof T & string>(task: K, argument: Parameters<T[K]>[0]): Promise<Awaited<ReturnType<T[K]>>> {
    const answered = once(this.#process, 'message');
    const gone = once(this.#process, 'exit').then(([code]) => Promise.reject(new Error(`${task} exited: ${code}`)));
    this.#process.send({ task, argument } satisfies Request);
    const [answer] = (await Promise.race([answered, gone])) as [Answer];
    if ('error' in answer) throw new Error(`${task} failed in its process: ${answer.error}`);
    return answer.result as Awaited<ReturnType<T[K]>>;
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, 'exit');
    this.#process.disconnect();
    await gone;
  }
}

/** The other side: to be called once, by the module that the process was started with. */
export function offer(tasks: Tasks): void {
  process.on('message', async ({ task, argument }: Request) => {
    const answer = await carryOut(tasks[task] as (argument: unknown) => Promise<unknown>, argument);
    process.send?.(answer);
  });
  process.once('disconnect', () => process.exit());
}

async function carryOut(task: (argument: unknown) => Promise<unknown>, argument: unknown): Promise<Answer> {
  try {
    return { result: await task(argument) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
