"""Checks for `passerelle doctor` whether the vault is the instance's."""

from typing import Final

from deploy.findings import Finding
from deploy.wiring.vault import check_secrets, secret_folder
from directory.clock import SystemClock
from directory.secret_files import SecretFileError
from directory.settings import Role, Settings
from directory.store.database import Connection
from directory.vault import KEY_FILE_NAME

NAME: Final = "Vault"
READ_MORE: Final = 'See docs/operations.md, "Several machines".'


async def look_at_vault(settings: Settings, connection: Connection) -> Finding:
    """Makes the checks of each start. Changes nothing."""
    if not settings.roles & {Role.WEB, Role.WORKER}:
        return Finding(NAME, True, "not needed for the roles of this machine")
    try:
        await check_secrets(connection, settings, SystemClock().now())
    except SecretFileError as error:
        return Finding(NAME, False, error.seen, error.mend or READ_MORE)
    folder = secret_folder(settings)
    is_made = (folder / KEY_FILE_NAME).exists()
    return Finding(NAME, True, str(folder) if is_made else "not made yet; the first start makes it")
