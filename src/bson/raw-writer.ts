const FIRST_CAPACITY = 1024;

/** Raw BSON, written from its beginning to its end. Lengths are filled in once they are known. */
export class RawWriter {
  #buffer = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;

  /** Leaves room for a length, which `end` fills in. */
  begin(): number {
    const start = this.#grow(4);
    return start;
  }

  /** Fills in the length of all that was written since `begin`, the length itself included. */
  end(start: number): void {
    this.#buffer.writeInt32LE(this.#length - start, start);
  }

  /** Tells where it went, for `setByte`. */
  byte(value: number): number {
    const at = this.#grow(1);
    this.#buffer[at] = value;
    return at;
  }

  setByte(at: number, value: number): void {
    this.#buffer[at] = value;
  }

  int32(value: number): void {
    const at = this.#grow(4);
    this.#buffer.writeInt32LE(value, at);
  }

  int64(value: bigint): void {
    const at = this.#grow(8);
    this.#buffer.writeBigInt64LE(value, at);
  }

  double(value: number): void {
    const at = this.#grow(8);
    this.#buffer.writeDoubleLE(value, at);
  }

  append(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#buffer.set(bytes, at);
  }

  cString(text: string): void {
    const length = Buffer.byteLength(text, 'utf8');
    const at = this.#grow(length + 1);
    this.#buffer.write(text, at, 'utf8');
    this.#buffer[at + length] = 0;
  }

  string(text: string): void {
    this.int32(Buffer.byteLength(text, 'utf8') + 1);
    this.cString(text);
  }

  /** All that was written. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  #grow(by: number): number {
    const start = this.#length;
    this.#length += by;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, start));
      this.#buffer = larger;
    }
    return start;
  }
}
