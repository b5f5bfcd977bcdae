"""What is logged: lines for people or programs, and never what somebody looked up."""

import json
import subprocess
import sys
from typing import Final

import pytest

LOOKED_UP: Final = "somebody_in_particular"

# A process of its own: logging is set up for a whole process, once.
FAILING: Final = """
import logging, sys, structlog
from directory.logs import configure_logs

def look_up(query):
    handles = [query.upper().lower()]
    raise RuntimeError("the lookup broke")

configure_logs(sys.argv[1], sys.argv[2])
log = structlog.get_logger("test")
log.info("started", port=8000)
log.debug("a detail")
query = sys.argv[3]
try:
    look_up(query)
except RuntimeError as error:
    log.error("request failed", exc_info=error)
    log.exception("request failed again")
    logging.getLogger("library").exception("a library failed")
    for server in ("hypercorn", "uvicorn", "granian"):
        logging.getLogger(server + ".access").error("GET /x/%s", query)
    logging.getLogger("hypercorn.error").info("GET /x/%s", query)
"""


def log_lines(style: str, level: str = "info") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", FAILING, style, level, LOOKED_UP],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert done.stdout == ""
    return done.stderr.splitlines()


@pytest.mark.parametrize("style", ["json", "text", "auto"])
def test_an_exception_does_not_tell_what_was_looked_up(style: str) -> None:
    """Tracebacks with local variables, as structlog prints them by default, hold every query."""
    lines = log_lines(style)
    said = "\n".join(lines)
    assert said.count("the lookup broke") >= 3
    assert "look_up" in said  # where it happened is told
    assert LOOKED_UP not in said


def test_lines_for_programs_are_json_whoever_writes_them() -> None:
    entries = [json.loads(line) for line in log_lines("json")]
    assert [entry["event"] for entry in entries] == [
        "started",
        "request failed",
        "request failed again",
        "a library failed",
    ]
    assert entries[0]["port"] == 8000
    assert {entry["level"] for entry in entries[1:]} == {"error"}
    assert all(entry["timestamp"].endswith("Z") for entry in entries)
    assert all("RuntimeError: the lookup broke" in entry["exception"] for entry in entries[1:])


def test_auto_is_json_where_nobody_watches() -> None:
    assert json.loads(log_lines("auto")[0])["event"] == "started"


def test_the_level_is_kept() -> None:
    assert [json.loads(line)["event"] for line in log_lines("json", "debug")][1] == "a detail"
    assert "started" not in "".join(log_lines("text", "error"))
