import Table from 'cli-table3';
import colors from 'picocolors';
import type { Actor } from '../../src/index.ts';

/** Rows under headings, columns aligned; `right` names the columns of numbers. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  right: readonly string[] = [],
): string {
  const printed = new Table({
    head: head.map((title) => colors.bold(title)),
    colAligns: head.map((title) => (right.includes(title) ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  printed.push(...rows.map((row) => [...row]));
  return printed.toString();
}

export const heading = (text: string): string => `\n${colors.bold(colors.cyan(text))}`;

export const day = (date: Date): string => date.toISOString().slice(0, 10);

export const minute = (date: Date | null): string => date?.toISOString().slice(0, 16).replace('T', ' ') ?? 'unknown';

export const clip = (text: string, width: number): string =>
  text.length > width ? `${text.slice(0, width - 1)}…` : text;

export const verdict = (equal: boolean): string => (equal ? colors.green('equal') : colors.red('DIFFERENT'));

/** An actor as a word: its name, or what identifies it. */
export const who = (actor: Actor | null): string =>
  typeof actor === 'string' ? actor : (actor?.name ?? actor?.identifier ?? '');

/** A value on one line, as JSON; nothing where there is none. */
const brief = (value: unknown): string => (value === undefined ? '' : JSON.stringify(value));

interface Change {
  readonly op: 'add' | 'remove' | 'replace';
  readonly path: readonly (string | number)[];
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A diff as lines: what was there in red, what came in green. */
export function diffLines(changes: readonly Change[]): string {
  return changes
    .flatMap(({ op, path, before, after }) => [
      ...(op === 'add' ? [] : [colors.red(`  - ${path.join('.')}  ${brief(before)}`)]),
      ...(op === 'remove' ? [] : [colors.green(`  + ${path.join('.')}  ${brief(after)}`)]),
    ])
    .join('\n');
}

const BAR = 24;

/** A bar that is redrawn in place on a terminal; elsewhere a line at each quarter of the way. */
export function progress(done: number, total: number, text: string): void {
  const filled = Math.round((done / total) * BAR);
  const bar = `${colors.green('█'.repeat(filled))}${colors.dim('░'.repeat(BAR - filled))}`;
  const line = `${bar} ${String(done).padStart(String(total).length)}/${total}  ${text}`;
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}${done === total ? '\n' : ''}`);
  else if (done % Math.ceil(total / 4) === 0 || done === total) console.log(line);
}
