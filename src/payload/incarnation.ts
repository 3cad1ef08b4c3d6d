import { randomBytes } from 'node:crypto';

const BYTES = 4;

/** What keeps the keys of a document's objects apart from those of another life, or of another document of that id. */
export function drawIncarnation(): string {
  return randomBytes(BYTES).toString('hex');
}
