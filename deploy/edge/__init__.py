"""What stands between the socket and the server of the application: strict heads, timers, and places for connections.

It is a protocol of asyncio around the server's own, so that it holds for each server that listens on the loop.
"""
