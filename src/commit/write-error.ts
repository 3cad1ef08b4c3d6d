/** What the server says of one refused member of a bulk write. */
export interface WriteErrorFields {
  readonly index: number;
  readonly code: number;
  readonly errmsg: string;
  readonly errInfo?: unknown;
  readonly op?: unknown;
}

/** The driver's `WriteError`, which it does not export: as `MongoBulkWriteError.writeErrors` holds them. */
export class WriteError {
  readonly err: WriteErrorFields;

  constructor(err: WriteErrorFields) {
    this.err = err;
  }

  get code(): number {
    return this.err.code;
  }

  get index(): number {
    return this.err.index;
  }

  get errmsg(): string {
    return this.err.errmsg;
  }

  get errInfo(): unknown {
    return this.err.errInfo;
  }

  getOperation(): unknown {
    return this.err.op;
  }

  toJSON(): WriteErrorFields {
    const { code, index, errmsg, op } = this.err;
    return { code, index, errmsg, op };
  }

  toString(): string {
    return `WriteError(${JSON.stringify(this.toJSON())})`;
  }
}
