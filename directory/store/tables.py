"""The directory's tables. The migrations make them; a test compares the two."""

from piccolo.columns import (
    JSON,
    BigInt,
    BigSerial,
    Boolean,
    ForeignKey,
    Serial,
    SmallInt,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.columns.base import OnDelete, OnUpdate
from piccolo.table import Table


class Origin(Table, tablename="origin"):
    """The logs that mappings come from; `is_demo` marks those that `passerelle demo` invented."""

    id = Serial(primary_key=True)
    name = Text(unique=True)
    is_demo = Boolean(default=False)


class Mapping(Table, tablename="mapping"):
    """See `directory.mappings.Mapping`. The `_key` columns are what is compared: lower case."""

    id = BigSerial(primary_key=True)
    x_id = BigInt(null=True, default=None)
    x_handle = Varchar(length=15)
    x_handle_key = Varchar(length=15)
    network = SmallInt()
    target_id = Text()
    target_handle = Text()
    target_handle_key = Text()
    strength = SmallInt()
    state = SmallInt()
    origin = ForeignKey(Origin, null=False, on_delete=OnDelete.restrict, on_update=OnUpdate.restrict)
    leaf = BigInt(null=True, default=None)
    issued = Timestamptz()
    expires = Timestamptz()
    evidence = JSON()
