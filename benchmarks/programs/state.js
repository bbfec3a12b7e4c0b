/** Replicated state: bytes and time per tick. Its content comes with that feature; benchmarks/README.md says what a program is. */
export default { missing: 'state is not replicated yet' }
