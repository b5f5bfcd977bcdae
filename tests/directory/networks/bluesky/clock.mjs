// Loaded before the PDS: its clock is this machine's, plus the milliseconds that a file holds.
import fs from 'node:fs'

const RealDate = Date
const file = process.env.PDS_CLOCK_FILE
const now = () => RealDate.now() + Number(fs.readFileSync(file, 'utf8'))

globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    super(...(args.length ? args : [now()]))
  }
  static now() {
    return now()
  }
}
