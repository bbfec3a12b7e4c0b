/** What differs between platforms, for browsers. Same exports as `node.ts`; package.json "imports" (`#platform`) picks one. */
export const platformName: string = 'browser'
