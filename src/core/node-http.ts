/**
 * Node's HTTP. An `import` of it has Node look at all that it exports, `WebSocket` too, which loads Node's own `fetch`: 10 MB resident in every
 * worker, which has no use for it. Types may be imported as usual: they are gone when the code runs.
 */
export const http = process.getBuiltinModule('node:http')
