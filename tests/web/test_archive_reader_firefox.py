"""The reader of X archives in a real Firefox, which inflates and streams with code of its own."""

import json
import subprocess
from pathlib import Path

from tests.harness.firefox import firefox_path
from tests.harness.node import node_path
from tests.web import archives
from tests.web.drop_page import sentence, serve_drop_page

SCRIPT = Path(__file__).parent.parent / "js" / "firefox.js"
TIMEOUT_S = 300
BAD = ("zip-truncated", "zip-broken", "zip-encrypted", "zip-bomb", "not-json", "numbers-for-strings")


def test_archives_good_and_bad(tmp_path: Path) -> None:
    files = [archives.write_zip(tmp_path)]
    for code in BAD:
        name, content = archives.BAD[code]
        file = tmp_path / code / name
        file.parent.mkdir()
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        files.append(file)
    with serve_drop_page() as page:
        run = subprocess.run(
            [node_path(), SCRIPT, firefox_path(), page.url, *files],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert run.returncode == 0, run.stderr
    good, *bad = json.loads(run.stdout)
    assert good == {"focused": "Two people are here", "error": "", "violations": []}
    (posted,) = page.posted
    assert posted.text("pairs") == archives.LINES
    assert archives.PRIVATE.encode() not in posted.raw
    shown = [outcome["error"] for outcome in bad]
    assert shown == [
        sentence(code, file="following.js" if code in archives.OF_A_MEMBER else file.name)
        for code, file in zip(BAD, files[1:], strict=True)
    ]
