"""The migrations of the federation's tables."""

from pathlib import Path

from piccolo.conf.apps import AppConfig, table_finder

APP_CONFIG = AppConfig(
    app_name="federation",
    migrations_folder_path=str(Path(__file__).parent / "federation"),
    # exclude_imported: else a second app makes imported tables again.
    table_classes=table_finder(
        ["federation.store.tables", "federation.store.peer_tables"], exclude_imported=True
    ),
)
