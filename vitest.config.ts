import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { PlainLine } from './test/support/plain-line.ts';

/** What takes longer than this hangs, however busy the machine is. */
const TEST_TIMEOUT = 120_000;
const HOOK_TIMEOUT = 120_000;
const INSTALL_TIMEOUT = 300_000;
const SERVER_TESTS = ['test/{features,faults,regressions}/**/*.test.ts'];

/** The same files run once per supported Mongoose major: `testDatabase()` reads the choice from the environment. */
const features = (name: string, mongooseMajor: '8' | '9'): TestProjectConfiguration => ({
  test: {
    name,
    include: SERVER_TESTS,
    env: { CHRONOS_TEST_MONGOOSE: mongooseMajor },
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    testTimeout: TEST_TIMEOUT,
    hookTimeout: HOOK_TIMEOUT,
  },
});

export default defineConfig({
  test: {
    coverage: { include: ['src/**/*.ts'] },
    reporters: ['default', new PlainLine()],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          pool: 'forks',
          testTimeout: 30_000,
          hookTimeout: HOOK_TIMEOUT,
          typecheck: { enabled: true, include: ['test/types/**/*.test-d.ts'], tsconfig: 'tsconfig.json' },
        },
      },
      features('features', '9'),
      features('features-mongoose8', '8'),
      {
        test: {
          name: 'stores',
          include: ['test/{conformance,stores}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts', 'test/support/store-setup.ts'],
          pool: 'forks',
          testTimeout: TEST_TIMEOUT,
          hookTimeout: HOOK_TIMEOUT,
          env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
        },
      },
      {
        test: {
          name: 'package',
          include: ['test/package/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          pool: 'forks',
          testTimeout: INSTALL_TIMEOUT,
          hookTimeout: INSTALL_TIMEOUT,
        },
      },
    ],
  },
});
