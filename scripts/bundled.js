/**
 * Bundles a TypeScript file of test/ and runs it in this process: what needs volume takes half as long here as inside jest.
 *
 *   node scripts/bundled.js FILE
 */
import { basename } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { bundle } from './bundle.js'

const [entry] = process.argv.slice(2)
if (entry === undefined) {
  console.error('usage: node scripts/bundled.js FILE')
  process.exit(2)
}
process.chdir(fileURLToPath(new URL('..', import.meta.url)))
await import(pathToFileURL(await bundle(entry, `build/soak/${basename(entry, '.ts')}-${process.pid}.js`)).href)
