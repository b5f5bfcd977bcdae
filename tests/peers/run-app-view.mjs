// Bluesky's real AppView and the data plane below it, on free loopback ports, over the PostgreSQL database APP_VIEW_DSN.
// It reads what the PDS at APP_VIEW_PDS_URL publishes, and asks the directory at APP_VIEW_PLC_URL.
// Prints one line of JSON when it answers. Ends on SIGTERM, and when its standard input closes: it never outlives the
// test run that started it.
import './hooks.mjs'
import pg from 'pg'
import { freePort } from './ports.mjs'

const started = Date.now()
const env = process.env
const pdsUrl = env.APP_VIEW_PDS_URL
const plcUrl = env.APP_VIEW_PLC_URL
env.LOG_ENABLED ??= '0'
// Read from the environment alone. Nothing here speaks to either: mutes and reports go there.
env.BSKY_BSYNC_URL = 'http://localhost:9'
env.MOD_SERVICE_DID = 'did:web:moderation.test'

// Only now: its logger reads the environment as it is loaded.
const { BskyAppView, Database, DataPlaneServer, RepoSubscription, ServerConfig } = await import('@atproto/bsky')
const { Secp256k1Keypair } = await import('@atproto/crypto')

// The PostgreSQL of the tests has no pg_trgm. Only the search for people by name needs it.
class Client extends pg.Client {
  query(statement, ...more) {
    const needsTrigrams = typeof statement === 'string' && /extension .*pg_trgm|gist_trgm_ops/.test(statement)
    return super.query(needsTrigrams ? 'SELECT 1' : statement, ...more)
  }
}

const url = env.APP_VIEW_DSN
const pool = new pg.Pool({ connectionString: url, max: 5, Client })
const db = new Database({ url, pool })
await db.migrateToLatestOrThrow()

const [dataPlanePort, port] = [await freePort(), await freePort()]
const dataPlane = await DataPlaneServer.create(db, dataPlanePort, plcUrl, globalThis.fetch)
// No DNS has the names of the tests: the PDS that gave them out tells who has them.
dataPlane.idResolver.handle.resolve = async (handle) => {
  const answer = await fetch(`${pdsUrl}/xrpc/com.atproto.identity.resolveHandle?handle=${handle}`)
  return answer.ok ? (await answer.json()).did : undefined
}

const appViewUrl = `http://localhost:${port}`
const config = ServerConfig.readEnv({
  version: 'of the tests',
  port,
  publicUrl: appViewUrl,
  serverDid: 'did:web:appview.test',
  didPlcUrl: plcUrl,
  dataplaneUrls: [`http://localhost:${dataPlanePort}`],
  dataplaneHttpVersion: '1.1',
  labelsFromIssuerDids: JSON.parse(env.APP_VIEW_LABELERS),
  adminPasswords: [env.APP_VIEW_ADMIN_PASSWORD],
  disableSsrfProtection: true, // the PDS that pictures are fetched from is on loopback
})
const appView = BskyAppView.create({ config, signingKey: await Secp256k1Keypair.create() })
await appView.start()
const subscription = new RepoSubscription({
  service: pdsUrl.replace('http://', 'ws://'),
  db,
  idResolver: dataPlane.idResolver,
})
await subscription.start()

let stopping = false
async function stop() {
  if (stopping) return
  stopping = true
  setTimeout(() => process.exit(1), 5_000).unref() // whatever does not end by itself
  await appView.destroy()
  await dataPlane.destroy()
  await subscription.destroy()
  await db.close()
  process.exit(0)
}
process.on('SIGTERM', stop).on('SIGINT', stop)
process.stdin.on('end', stop).on('error', stop).resume()

console.log(JSON.stringify({ app_view: appViewUrl, start_ms: Date.now() - started }))
