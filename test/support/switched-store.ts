import { StorageError } from '../../src/errors.ts';
import { MemoryPayloadStore } from '../../src/payload/stores/memory-payload-store.ts';

/** A store in memory that can be switched off, counts what it is asked, and can be made to wait. */
export class SwitchedStore extends MemoryPayloadStore {
  isOn = true;
  /** An object that may not be deleted yet. */
  lockedKey: string | undefined;
  readonly calls = { put: 0, get: 0, delete: 0 };
  /** Awaited before each put. */
  beforePut: (key: string) => Promise<void> = async () => {};

  /** Awaited before each get. */
  beforeGet: (key: string) => Promise<void> = async () => {};

  override async put(...args: Parameters<MemoryPayloadStore['put']>) {
    this.calls.put += 1;
    this.#requireOn();
    await this.beforePut(args[0]);
    this.#requireOn();
    return super.put(...args);
  }

  override async get(...args: Parameters<MemoryPayloadStore['get']>) {
    this.calls.get += 1;
    this.#requireOn();
    await this.beforeGet(args[0]);
    return super.get(...args);
  }

  override async delete(...args: Parameters<MemoryPayloadStore['delete']>) {
    this.calls.delete += 1;
    this.#requireOn();
    if (args[0] === this.lockedKey) {
      throw new StorageError({ message: 'Locked', store: this.name, retryable: false, retained: true });
    }
    return super.delete(...args);
  }

  async keys(prefix = ''): Promise<string[]> {
    return (await this.list(prefix)).objects.map(({ key }) => key);
  }

  #requireOn(): void {
    if (this.isOn) return;
    throw new StorageError({ message: `Cannot reach the ${this.name}`, store: this.name, retryable: true });
  }
}
