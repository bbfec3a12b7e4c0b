/** The SDK in a browser. Its content comes with that feature; benchmarks/README.md says what a program is. */
export default { missing: 'browsers are not supported yet' }
