/** Tests run the TypeScript sources as ES modules; swc takes the types off. */
export default {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  modulePathIgnorePatterns: ['<rootDir>/build/', '<rootDir>/dist/'],
  // The sources stand in for the package, so that a test never runs against a stale build; test/package/ is about the build itself.
  moduleNameMapper: {
    '^#platform$': '<rootDir>/src/platform/node.ts',
    '^altostratus$': '<rootDir>/src/entry/main.ts',
    '^altostratus/(introducer|rtmfp|testing)$': '<rootDir>/src/entry/$1.ts',
  },
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'es6' } }],
  },
  maxWorkers: '100%',
  // A worker keeps the modules of every test file that it has run, and collecting garbage around them takes longer than the tests.
  workerIdleMemoryLimit: '256MB',
  testTimeout: 30_000,
}
