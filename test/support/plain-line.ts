import type { SerializedError } from 'vitest';
import type { Reporter, TestModule } from 'vitest/node';

/** Ends the run with one plain line, `12 passed, 0 failed, 1 skipped`, that scripts can read. */
export class PlainLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const inState = (state: string) => tests.filter((test) => test.result().state === state).length;
    const fileErrors = modules.reduce((sum, module) => sum + module.errors().length, unhandledErrors.length);
    console.log(`${inState('passed')} passed, ${inState('failed') + fileErrors} failed, ${inState('skipped')} skipped`);
  }
}
