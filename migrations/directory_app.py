"""The migrations of the directory's tables."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

APP_CONFIG = AppConfig(
    app_name="directory",
    migrations_folder_path=str(Path(__file__).parent / "directory"),
    # exclude_imported: else a second app makes imported tables again.
    table_classes=table_finder(["directory.store.tables"], exclude_imported=True),
)
