// A real PDS (SQLite in a temporary folder) and a real did:plc directory (in memory), on free loopback ports.
// Prints one line of JSON when both answer. Ends on SIGTERM, and when its standard input closes:
// it never outlives the test run that started it.
import './hooks.mjs'
import crypto from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import plcServer from '@did-plc/server'
import { freePort } from './ports.mjs'

const started = Date.now()
const secret = () => crypto.randomBytes(32).toString('hex')

const [plcPort, pdsPort] = [await freePort(), await freePort()]
const { PlcServer, Database } = plcServer
const plc = PlcServer.create({ db: Database.mock(), port: plcPort })
await plc.start()

const data = fs.mkdtempSync(path.join(os.tmpdir(), 'passerelle-pds-'))
process.on('exit', () => fs.rmSync(data, { recursive: true, force: true }))
const blobs = path.join(data, 'blobs')
fs.mkdirSync(blobs)
const settings = {
  PDS_PORT: String(pdsPort),
  PDS_HOSTNAME: 'localhost', // this name makes the PDS's own address http
  PDS_DEV_MODE: 'true',
  PDS_DATA_DIRECTORY: data,
  PDS_BLOBSTORE_DISK_LOCATION: blobs,
  PDS_DID_PLC_URL: `http://localhost:${plcPort}`, // by name: the PDS refuses IP addresses
  PDS_INVITE_REQUIRED: 'false',
  PDS_JWT_SECRET: secret(),
  PDS_DPOP_SECRET: secret(),
  PDS_PLC_ROTATION_KEY_K256_PRIVATE_KEY_HEX: secret(),
  PDS_SERVICE_NAME: 'PDS of the tests',
  PDS_SERVICE_HANDLE_DOMAINS: '.test',
  PDS_ENABLE_DID_DOC_WITH_SESSION: 'true',
  PDS_RATE_LIMITS_ENABLED: 'true',
}
Object.assign(process.env, settings, { LOG_ENABLED: process.env.LOG_ENABLED ?? '0' })

// Only now: its logger reads the environment as it is loaded.
const { PDS, readEnv } = await import('@atproto/pds')
const pds = await PDS.fromEnv(readEnv())
await pds.start()

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  await pds.destroy()
  await plc.destroy()
  process.exit(0)
}
process.on('SIGTERM', stop).on('SIGINT', stop)
process.stdin.on('end', stop).on('error', stop).resume()

console.log(
  JSON.stringify({
    pds: `http://localhost:${pdsPort}`,
    plc: settings.PDS_DID_PLC_URL,
    start_ms: Date.now() - started,
  }),
)
