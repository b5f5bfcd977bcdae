// Free ports of this machine.
import net from 'node:net'

// Free a moment ago; whoever starts a server on it tries again if another process was quicker.
export async function freePort() {
  const server = net.createServer()
  await new Promise((ready, failed) => server.on('error', failed).listen(0, ready))
  const { port } = server.address()
  await new Promise((closed) => server.close(closed))
  return port
}
