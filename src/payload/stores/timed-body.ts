import type { Readable } from 'node:stream';

/** The slowest that a body may come or go, in bytes a second. */
const SLOWEST = 64 * 1024;

/** How long an attempt may take that moves so many bytes. */
export function allowance(timeoutMs: number, bytes: number): number {
  return Math.ceil(timeoutMs + (bytes / SLOWEST) * 1000);
}

/** A body did not come, or came too slowly. */
export class StalledBody extends Error {
  override readonly name = 'StalledBody';
}

/**
 * Passes a body on, and destroys it, and with it its connection, where no piece comes for `timeoutMs`. While whoever
 * reads it is busy, the time stands still.
 */
export async function* watched(body: Readable, timeoutMs: number): AsyncGenerator<Buffer> {
  const stall = () => body.destroy(new StalledBody(`No byte came for ${timeoutMs} ms`));
  let timer = setTimeout(stall, timeoutMs);
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      yield piece;
      timer = setTimeout(stall, timeoutMs);
    }
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}
