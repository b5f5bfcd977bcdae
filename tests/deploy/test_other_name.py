"""An instance whose address is another one than its log is named after."""

from pathlib import Path

import pytest

from deploy.cli.failures import sentence_of
from deploy.migrate import migrate
from deploy.wiring.log import build_sequencer, key_folder
from directory.public_address import InvalidAddress, PublicAddress
from directory.settings import Settings
from directory.store.database import connect
from federation.errors import OtherName
from federation.keys.instance import NewKeys


@pytest.mark.parametrize(
    ("former", "way"),
    [
        ("localhost", "Run `passerelle keys leave-localhost`, which begins a log of the new name."),
        ("find.example", "Set PASSERELLE_PUBLIC_URL to the address that the log is named after"),
    ],
)
async def test_it_is_told_how_its_log_goes_on(tmp_path: Path, dsn: str, former: str, way: str) -> None:
    """The log of the process said that nothing is signed until this is mended, and not how."""
    settings = Settings(data=tmp_path, database_url=dsn, public_url="https://new.example")
    key_folder(settings).make_new(NewKeys.generate(former))
    await migrate(dsn)
    connection = await connect(dsn)
    with pytest.raises(
        OtherName, match=f"those of {former}/log, and this instance is new.example/log"
    ) as refused:
        await build_sequencer(settings).check(connection)
    await connection.close()
    assert refused.value.mend.startswith(way)


def test_what_is_no_address_is_a_sentence() -> None:
    """`passerelle keys move new.example` ended with a traceback."""
    with pytest.raises(InvalidAddress) as refused:
        PublicAddress.parse("new.example")
    assert str(sentence_of(refused.value)).startswith("the address must look like https://find.example.org")
