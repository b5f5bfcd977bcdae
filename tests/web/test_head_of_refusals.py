"""HEAD has no body, whoever answers it."""

from typing import Any

import pytest
from litestar.exceptions import HTTPException

from web.middleware.heads import HeadMiddleware


@pytest.mark.parametrize("error", [HTTPException(status_code=400), RuntimeError()])
async def test_whoever_answers_instead_knows_that_it_is_head(error: Exception) -> None:
    """Attack: the refusal of a HEAD had a body, which was the next answer to whoever shares the connection."""
    scope: Any = {"type": "http", "method": "HEAD", "path": "/"}

    async def refuse(inner: Any, receive: Any, send: Any) -> None:
        assert inner["method"] == "GET"
        raise error

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    with pytest.raises(type(error)):
        await HeadMiddleware(refuse)(scope, nothing, nothing)
    assert scope["method"] == "HEAD"
