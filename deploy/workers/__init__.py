"""Several web processes over one listening socket: started, watched and ended by the process that an operator runs.

The parent keeps what runs once (migrations, the embedded database, jobs, the sequencer, `/metrics`); children serve pages and
API, each with a loop of its own. They share the listening socket and one table of counts, and nothing else but the database.
"""
