"""Files as answers, for whoever asked alone."""

from typing import Any

from litestar import Response

from directory.exports import ExportedFile
from web.auth.member_context import NO_STORE


def download(file: ExportedFile) -> Response[Any]:
    """Answers with a file that browsers save, and that nobody on the way keeps."""
    headers = {**NO_STORE, "content-disposition": f'attachment; filename="{file.name}"'}
    return Response(file.content, media_type=file.media_type, headers=headers)
