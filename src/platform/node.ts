/** What differs between platforms, for Node. Same exports as `browser.ts`; package.json "imports" (`#platform`) picks one. */
export const platformName: string = 'node'
