import { pipeline, type Readable, Transform } from 'node:stream';
import { PayloadIntegrityError } from '../errors.ts';
import { type Digest, digestOf, RunningDigest, sameDigest } from './digest.ts';

/** Whose bytes are checked. */
export interface Checked {
  readonly store: string;
  readonly key: string;
}

/** @throws PayloadIntegrityError if bytes are not those that were stored */
export function checkDigest({ store, key }: Checked, found: Digest, expected: Digest | undefined): void {
  if (expected === undefined || sameDigest(found, expected)) return;
  throw new PayloadIntegrityError(store, key, described(expected), described(found));
}

/** @throws PayloadIntegrityError */
export function checkedBytes<T extends Uint8Array>(checked: Checked, bytes: T, expected: Digest | undefined): T {
  if (expected !== undefined) checkDigest(checked, digestOf(bytes), expected);
  return bytes;
}

/** The same stream; with `expected`, one that fails with `PayloadIntegrityError` at its end if it was another object. */
export function checkedStream(checked: Checked, source: Readable, expected: Digest | undefined): Readable {
  // What fails on either side reaches the reader through the last stream.
  return expected === undefined ? source : pipeline(source, checking(checked, expected), () => {});
}

function checking(checked: Checked, expected: Digest): Transform {
  const running = new RunningDigest();
  return new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      running.add(chunk);
      done(null, chunk);
    },
    flush(done) {
      try {
        checkDigest(checked, running.end(), expected);
        done();
      } catch (error) {
        done(error as Error);
      }
    },
  });
}

function described({ sha256, length }: Digest): string {
  return `sha256-${sha256}, ${length} bytes`;
}
