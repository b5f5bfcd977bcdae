// Loaded before the PDS: its clocks are this machine's, plus the milliseconds that a file holds.
import fs from 'node:fs'

const RealDate = Date
const realNow = performance.now.bind(performance) // caches go by this one
const file = process.env.PDS_CLOCK_FILE
const ahead = () => Number(fs.readFileSync(file, 'utf8'))

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    super(...(args.length ? args : [RealDate.now() + ahead()]))
  }
  static now() {
    return RealDate.now() + ahead()
  }
}
performance.now = () => realNow() + ahead()
