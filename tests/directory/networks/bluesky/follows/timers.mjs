// Loaded after the clock that a test moves: timers of more than a minute go by that clock too, as the windows of the
// rate limits do. They are looked at before each request.
import http from 'node:http'

const LONG_MS = 60_000
const realTimeout = globalThis.setTimeout
const realClear = globalThis.clearTimeout
const waiting = new Map()

globalThis.setTimeout = function (callback, delay, ...args) {
  if (!(delay > LONG_MS)) return realTimeout(callback, delay, ...args)
  const timer = realTimeout(() => {}, delay).unref()
  waiting.set(timer, { due: Date.now() + delay, run: () => callback(...args) })
  return timer
}

globalThis.clearTimeout = function (timer) {
  waiting.delete(timer)
  realClear(timer)
}

const emit = http.Server.prototype.emit
http.Server.prototype.emit = function (event, ...args) {
  if (event === 'request') {
    for (const [timer, { due, run }] of [...waiting]) {
      if (due <= Date.now() && waiting.delete(timer)) run()
    }
  }
  return emit.call(this, event, ...args)
}
