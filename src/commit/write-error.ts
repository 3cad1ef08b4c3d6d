import type { BulkItem } from './captured-write.ts';
import { updateArgument } from './sendable-change.ts';

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

/** What the driver shows of a refused member: the statement it was going to send, or the document to insert. */
export function statementOf(item: BulkItem): unknown {
  if (item.kind === 'insert') return item.given;
  const { upsert, hint, arrayFilters, collation } = item.options;
  const statement: Record<string, unknown> = { q: item.filter };
  if (item.kind === 'delete' || item.kind === 'deleteMany') {
    statement.limit = item.kind === 'delete' ? 1 : 0;
    return Object.assign(statement, given({ collation, hint }));
  }
  if (item.change.form !== 'computed') statement.u = updateArgument(item.change);
  const multi = item.kind === 'updateMany' ? true : undefined;
  return Object.assign(statement, given({ upsert, multi, hint, arrayFilters, collation }));
}

function given(options: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
