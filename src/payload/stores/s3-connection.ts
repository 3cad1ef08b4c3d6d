import type * as SDK from '@aws-sdk/client-s3';
import { ConfigError } from '../../errors.ts';
import { Attempts } from './attempts.ts';
import { isOutage, isRetryable, type S3Request, translated } from './s3-errors.ts';
import type { S3Options } from './s3-options.ts';

const DEFAULT_TIMEOUT_MS = 10_000;
const DEFAULT_ATTEMPTS = 5;
const DEFAULT_PART_SIZE = 8 * 2 ** 20;
const SMALLEST_PART = 5 * 2 ** 20;

/** The SDK, and a client of it. */
export interface LoadedSdk {
  readonly sdk: typeof SDK;
  readonly client: SDK.S3Client;
}

/** One service and one set of keys. The buckets there share its connections, and its circuit. */
export class S3Connection {
  readonly timeoutMs: number;
  readonly partSize: number;
  readonly options: S3Options;
  readonly #attempts: Attempts;
  #loaded: Promise<LoadedSdk> | undefined;

  /** @throws ConfigError for an option out of its range */
  constructor(options: S3Options) {
    this.options = Object.freeze({ ...options });
    this.timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.partSize = options.partSize ?? DEFAULT_PART_SIZE;
    const attempts = options.attempts ?? DEFAULT_ATTEMPTS;
    if (!(this.partSize >= SMALLEST_PART)) throw outOfRange('partSize', `${SMALLEST_PART} bytes or more`);
    if (!(this.timeoutMs > 0)) throw outOfRange('timeoutMs', 'more than 0');
    if (!(attempts >= 1)) throw outOfRange('attempts', '1 or more');
    if ((options.accessKey === undefined) !== (options.secretKey === undefined)) {
      throw new ConfigError({ message: 'Cannot use S3: accessKey and secretKey come together. Give both, or neither' });
    }
    this.#attempts = new Attempts({ attempts, isRetryable, isOutage });
  }

  /** The SDK is loaded when it is first needed. It is an optional peer. */
  load(): Promise<LoadedSdk> {
    this.#loaded ??= this.#load();
    return this.#loaded;
  }

  /** Makes a request, again where that may help. `signal` ends it. */
  async run<T>(
    request: S3Request,
    attempt: (loaded: LoadedSdk) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const loaded = await this.load();
    try {
      return await this.#attempts.run(() => attempt(loaded), signal);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof Error ? translated(request, error) : error;
    }
  }

  /** The signal of one attempt, which also ends when the caller's does. */
  deadline(signal: AbortSignal | undefined, ms: number = this.timeoutMs): AbortSignal {
    const deadline = AbortSignal.timeout(ms);
    return signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  }

  /** The same for what goes on after its answer has begun: the deadline is only for that. */
  async untilAnswered<T>(signal: AbortSignal | undefined, send: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const deadline = new AbortController();
    const timer = setTimeout(() => deadline.abort(), this.timeoutMs);
    try {
      return await send(signal === undefined ? deadline.signal : AbortSignal.any([signal, deadline.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  async close(): Promise<void> {
    const loaded = await this.#loaded?.catch(() => undefined);
    loaded?.client.destroy();
  }

  async #load(): Promise<LoadedSdk> {
    const sdk = await import('@aws-sdk/client-s3').catch((cause: unknown) => {
      throw missingPackage('@aws-sdk/client-s3', cause);
    });
    return { sdk, client: new sdk.S3Client(this.#clientConfig()) };
  }

  /** Retries and checksums are our own: the SDK neither retries a body that is cut, nor knows what was stored. */
  #clientConfig(): SDK.S3ClientConfig {
    const { endpoint, region, accessKey, secretKey, forcePathStyle } = this.options;
    return {
      region,
      maxAttempts: 1,
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: { connectionTimeout: this.timeoutMs, socketTimeout: this.timeoutMs },
      forcePathStyle: forcePathStyle ?? false,
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(accessKey === undefined || secretKey === undefined
        ? {}
        : { credentials: { accessKeyId: accessKey, secretAccessKey: secretKey } }),
    };
  }
}

export function missingPackage(name: string, cause: unknown): ConfigError {
  return new ConfigError({
    message: `Cannot use S3 without ${name}: it is not installed. Run npm install ${name}`,
    cause,
  });
}

function outOfRange(option: string, expected: string): ConfigError {
  return new ConfigError({ message: `Cannot use S3 with this ${option}: expected ${expected}` });
}
