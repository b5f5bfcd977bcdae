"""The servers that may stand between the socket and the application, one file each: Hypercorn, and two that are extras.

Each serves on the running loop until it is told to end, and then finishes what is under way. On the loop of `deploy/edge`
Hypercorn and Uvicorn have the guard before them; Granian reads its sockets itself, in Rust, and has not.
"""
