import type { Clock } from '../clock.ts';
import { type MarkReport, markAllSuperseded, markDocuments, markDue, markSuperseded } from './mark-processed.ts';
import { idsIn } from './outbox.ts';
import type { Row } from './row.ts';
import type { Offloading } from './upload-row.ts';

/** For how long the whole of a version stays in MongoDB after its payload is stored. */
export interface DevShadow {
  readonly ttlHours: number;
  /** Above it, it goes as soon as it is stored. */
  readonly maxBytesPerDoc?: number | undefined;
}

export interface MarkingOptions {
  readonly devShadow?: DevShadow | undefined;
  /** Whether superseded versions leave MongoDB as soon as they are stored. */
  readonly allowShadowSkip: boolean;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** When what object storage did not let be marked is looked at again. */
const RETRY_MS = 60_000;

/** Sees to it that versions leave MongoDB when they are due, but for the part to search by. */
export class Marking {
  readonly #target: Offloading;
  readonly #clock: Clock;
  readonly #options: MarkingOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(target: Offloading, clock: Clock, options: MarkingOptions) {
    this.#target = target;
    this.#clock = clock;
    this.#options = options;
  }

  /** A version has been stored. */
  async onStored({ id, system, bytes }: Row): Promise<void> {
    const { devShadow } = this.#options;
    if (devShadow?.maxBytesPerDoc === undefined || bytes.length <= devShadow.maxBytesPerDoc) return;
    await markDocuments(this.#target, [id], (row) => row.system.ov === system.ov, false);
  }

  /** A version that was stored before it was superseded is told by the one after it, or by the deletion. */
  async onUploaded(ids: readonly unknown[]): Promise<void> {
    if (this.#options.allowShadowSkip) await markSuperseded(this.#target, ids);
  }

  /** Marks the versions that were written so many hours ago. */
  async byTtl(hours: number, dryRun: boolean): Promise<MarkReport> {
    const until = new Date(this.#clock.now().getTime() - hours * HOUR_MS);
    return { itemsProcessed: await markDue(this.#target, until, dryRun), dryRun };
  }

  /** Marks what is due. */
  async now(): Promise<void> {
    const { devShadow, allowShadowSkip } = this.#options;
    if (allowShadowSkip) await markAllSuperseded(this.#target);
    if (devShadow === undefined) return;
    await this.byTtl(devShadow.ttlHours, false);
    for await (const _ of idsIn(this.#target, 'new', undefined, 1)) return this.later();
  }

  /** Marks what has been stored by now once it is due, without anyone waiting for it. */
  later(): void {
    const { devShadow, allowShadowSkip } = this.#options;
    if (devShadow === undefined && !allowShadowSkip) return;
    const dueInMs = devShadow === undefined ? DAY_MS : devShadow.ttlHours * HOUR_MS;
    this.#in(Math.min(Math.max(dueInMs, 1_000), DAY_MS));
  }

  #in(ms: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.now().catch(() => this.#in(RETRY_MS));
    }, ms).unref();
  }
}
