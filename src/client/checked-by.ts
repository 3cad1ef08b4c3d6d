import { ConfigError } from '../errors.ts';
import type { Actor, Attribution, ChronosWriteOptions } from '../types.ts';
import { checkedData } from './checked-data.ts';

/** Who writes, why, and upon which version. */
export type ItemWriteOptions = Attribution & Pick<ChronosWriteOptions, 'functionId' | 'expectedOv'>;

/**
 * The same as it will be kept: what the server would leave out or read as something else is refused, for then nobody
 * could tell later who it was.
 *
 * @throws ConfigError
 */
export function checkedBy({ actor, reason, functionId, expectedOv }: ItemWriteOptions): ItemWriteOptions {
  return {
    actor: actor === undefined ? undefined : checkedActor(actor),
    reason: optionalText('reason', reason),
    functionId: optionalText('functionId', functionId),
    expectedOv: checkedOv(expectedOv),
  };
}

/** @throws ConfigError for the number of a version that is none */
export function checkedOv(ov: number | undefined): number | undefined {
  if (ov === undefined || (Number.isSafeInteger(ov) && ov >= 0)) return ov;
  throw new ConfigError({ message: 'Cannot use this version: expected its number, 0 or more' });
}

const PARTS_OF_ACTOR: ReadonlySet<string> = new Set(['type', 'identifier', 'name', 'metadata']);

function checkedActor(given: unknown): Actor {
  if (typeof given === 'string') return given;
  const actor = checkedData('write as this actor', given);
  const { type, identifier, name = '', metadata = {} } = actor;
  const isText = [type, identifier, name].every((part) => typeof part === 'string');
  const isKnown = Object.keys(actor).every((part) => PARTS_OF_ACTOR.has(part));
  if (isText && isKnown && typeof metadata === 'object' && metadata !== null) return actor as Actor;
  throw new ConfigError({
    message: 'Cannot write as this actor: expected a text, or { type, identifier, name, metadata } with texts',
  });
}

function optionalText(what: string, text: unknown): string | undefined {
  if (text === undefined || typeof text === 'string') return text;
  throw new ConfigError({ message: `Cannot write with this ${what}: expected a text` });
}
