// Loaded before any server: keeps everything on loopback, and lets an OAuth client live at an
// https address that exists only in the test.
import net from 'node:net'

const LOOPBACK = '127.0.0.1'
const listen = net.Server.prototype.listen

// Both servers would listen on every interface: their settings name a port and no address.
net.Server.prototype.listen = function (...args) {
  const [first, second] = args
  if (typeof first === 'number' && typeof second !== 'string') {
    args.splice(1, 0, LOOPBACK)
  } else if (first && typeof first === 'object' && first.port !== undefined) {
    args[0] = { ...first, host: LOOPBACK }
  }
  return listen.apply(this, args)
}

// PDS_FETCH_MAP = {"https://client.peertest.dev": "http://127.0.0.1:8124"}: what the PDS asks the
// first is answered by the second. The PDS takes no client id on an IP address, `*.test` or
// `example.com`, and it keeps a client's metadata: take a fresh name for each test.
const map = JSON.parse(process.env.PDS_FETCH_MAP || '{}')
const realFetch = globalThis.fetch

globalThis.fetch = function (input, init) {
  const url = new URL(input instanceof Request ? input.url : String(input))
  const local = map[url.origin]
  if (!local) return realFetch.call(this, input, init)
  // The PDS's own dispatcher is left out: it refuses loopback.
  const { method, headers, redirect } = input instanceof Request ? input : (init ?? {})
  const signal = init?.signal ?? input.signal
  return realFetch.call(this, local + url.pathname + url.search, { method, headers, redirect, signal })
}
