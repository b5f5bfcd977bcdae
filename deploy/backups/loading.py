"""Loads a dump in the place of what a database holds: one transaction, checked before it is committed.

The script is committed by the last thing that is sent. Whatever ends before (this process, a program, the connection)
leaves the database as it was.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import IO, Final

from deploy.backups.archive import CHUNK_BYTES, OnBytes
from deploy.backups.errors import ProgramFailed
from deploy.backups.programs import Address, Running, started
from deploy.migration_locks import WAITING_FOR_RESTORE

_BEGIN: Final = """\
BEGIN;
DROP SCHEMA IF EXISTS public CASCADE;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""
_ALONE: Final = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'
      AND pid NOT IN (pg_backend_pid(), {guard}) AND pid NOT IN ({waiting})) THEN
    RAISE EXCEPTION 'an instance has started on the database meanwhile: stop it, on all its machines';
  END IF;
END $$;
"""
"""Who comes after the tables are held waits for the end of the restore, and so does who waits to start."""
_COUNT: Final = """
DO $$ BEGIN
  IF (SELECT count(*) FROM public."{table}") <> {rows} THEN
    RAISE EXCEPTION 'the table {table} does not hold what the backup says';
  END IF;
END $$;
"""
_TOO_NEW: Final = b"SET transaction_timeout = 0;"
"""Which servers before version 17 do not know."""
_HEADER_BYTES: Final = 8_192
"""The settings of a script are in its first lines."""
_PSQL: Final = (
    "--no-psqlrc",
    "--quiet",
    "--set=ON_ERROR_STOP=1",
    "--set=VERBOSITY=terse",
    "--output=/dev/null",
    "--file=-",
)
_RESTORE: Final = ("--no-owner", "--no-privileges", "--schema=public", "--file=-")


@contextmanager
def loaded(
    dsn: str, dump: Iterable[bytes], rows: Mapping[str, int], on_bytes: OnBytes, *, guard: int
) -> Iterator[None]:
    """Loads a dump whose tables have so many rows. The block begins when all is loaded and checked, and its end commits
    it. `guard` is the process of the server for the caller's own session, beside which there may be no other.

    Raises ProgramFailed, and what reading the dump raises; then nothing is changed, nor where the block raises.
    """
    address = Address.of(dsn)
    with (
        started("psql", [*_PSQL, f"--dbname={address.dsn}"], address, reads=True, writes=True) as psql,
        started("pg_restore", _RESTORE, reads=True, writes=True) as script,
    ):
        feeding = _Feeding(dump, script.input, on_bytes)
        feeding.start()
        try:
            _send(psql, (_BEGIN + _ALONE.format(guard=guard, waiting=WAITING_FOR_RESTORE)).encode())
            for chunk in _script(script.output):
                _send(psql, chunk)
            feeding.end()
            script.finish()
            _check(psql, rows)
            yield
            _send(psql, b"COMMIT;\n", is_last=True)
            psql.finish()
        finally:
            script.process.kill()
            feeding.join()


def _check(psql: Running, rows: Mapping[str, int]) -> None:
    checks = "".join(_COUNT.format(table=table, rows=count) for table, count in rows.items())
    _send(psql, f"{checks}\\echo loaded\n".encode())
    if psql.output.readline() != b"loaded\n":
        psql.process.wait()
        raise ProgramFailed(psql.failure())


def _send(psql: Running, text: bytes, *, is_last: bool = False) -> None:
    try:
        psql.input.write(text)
        psql.input.flush()
        if is_last:
            psql.input.close()
    except BrokenPipeError:
        psql.process.wait()
        raise ProgramFailed(psql.failure()) from None


def _script(output: IO[bytes]) -> Iterator[bytes]:
    yield output.read(_HEADER_BYTES).replace(_TOO_NEW, b"", 1)
    while chunk := output.read(CHUNK_BYTES):
        yield chunk


class _Feeding(threading.Thread):
    """Gives a program its input, while its output is read."""

    def __init__(self, dump: Iterable[bytes], into: IO[bytes], on_bytes: OnBytes) -> None:
        super().__init__(daemon=True)
        self._dump, self._into, self._on_bytes = dump, into, on_bytes
        self._failure: Exception | None = None

    def run(self) -> None:
        try:
            for chunk in self._dump:
                self._into.write(chunk)
                self._on_bytes(len(chunk))
        except BrokenPipeError:
            pass  # the program has ended, and tells why
        except Exception as error:  # noqa: BLE001 - raised again by `end`, in the thread that waits
            self._failure = error
        finally:
            with suppress(OSError):
                self._into.close()

    def end(self) -> None:
        """Waits until the input is given. Raises what its reading raised."""
        self.join()
        if self._failure is not None:
            raise self._failure
