"""What Piccolo's migration runner asks for: the apps, and the engine that `deploy.migrate` sets."""

from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine

DB: PostgresEngine | None = None
APP_REGISTRY = AppRegistry(apps=["migrations.directory_app", "migrations.federation_app"])
