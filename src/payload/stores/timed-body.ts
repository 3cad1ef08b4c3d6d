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

/** A body ended before all of it had come. */
export class CutBody extends Error {
  override readonly name = 'CutBody';
}

/**
 * Passes a body on. Destroys it, and with it its connection, where no piece comes for `timeoutMs`, and fails where less
 * of it comes than was announced. The SDK does neither.
 */
export async function* watched(body: Readable, length: number | undefined, timeoutMs: number): AsyncGenerator<Buffer> {
  let received = 0;
  const stall = () => body.destroy(new StalledBody(`No byte came for ${timeoutMs} ms`));
  let timer = setTimeout(stall, timeoutMs);
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      clearTimeout(timer);
      received += piece.length;
      yield piece;
      timer = setTimeout(stall, timeoutMs);
    }
    if (length !== undefined && received < length) throw new CutBody(`${received} of ${length} bytes came`);
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}
