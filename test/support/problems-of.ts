import { ConfigError } from '../../src/index.ts';

/** The problems that a configuration is refused for, one a line of the error; none where it is not. */
export function problemsOf(use: () => unknown): string[] {
  try {
    use();
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const [head, ...problems] = error.message.split('\n- ');
    if (head !== 'Cannot use this configuration:') throw error;
    return problems;
  }
}
