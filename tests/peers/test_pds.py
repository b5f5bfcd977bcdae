"""The real PDS does what the rest of the tests build on."""

import asyncio
import os
import select
import socket
import subprocess
import sys
from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from tests.peers.node_server import LOOPBACK, ServerFailed, listening_at
from tests.peers.pds import Pds, XrpcError, running_pds, running_pds_async


def test_an_account_is_made_and_signed_in(pds: Pds) -> None:
    account = pds.create_account()
    again = pds.sign_in(account)
    assert again.did == account.did
    session = pds.query("com.atproto.server.getSession", token=again.access_token)
    assert session["handle"] == account.handle
    assert account.password not in repr(account)
    assert account.access_token not in repr(account)


def test_a_wrong_password_is_refused(pds: Pds) -> None:
    account = pds.create_account()
    with pytest.raises(XrpcError) as caught:
        pds.sign_in(replace(account, password=f"not {account.password}"))
    assert (caught.value.status, caught.value.name) == (401, "AuthenticationRequired")


def test_the_did_document_names_the_handle_and_the_server(pds: Pds) -> None:
    account = pds.create_account()
    document = pds.did_document(account.did)
    assert document["id"] == account.did
    assert document["alsoKnownAs"] == [f"at://{account.handle}"]
    assert [service["serviceEndpoint"] for service in document["service"]] == [pds.url]


def test_a_changed_handle_leads_to_the_same_person(pds: Pds) -> None:
    account = pds.create_account()
    newer = f"n{account.handle}"
    pds.change_handle(account, newer)
    assert pds.resolve_handle(newer) == account.did
    assert pds.did_document(account.did)["alsoKnownAs"] == [f"at://{newer}"]
    assert pds.sign_in(account).handle == newer
    with pytest.raises(XrpcError) as caught:
        pds.resolve_handle(account.handle)
    assert caught.value.status == 400


def test_a_follow_is_a_record(pds: Pds) -> None:
    one, other = pds.create_account(), pds.create_account()
    record = {
        "$type": "app.bsky.graph.follow",
        "subject": other.did,
        "createdAt": "2026-01-02T03:04:05.000Z",
    }
    pds.procedure(
        "com.atproto.repo.createRecord",
        token=one.access_token,
        repo=one.did,
        collection="app.bsky.graph.follow",
        record=record,
    )
    kept = pds.query("com.atproto.repo.listRecords", repo=one.did, collection="app.bsky.graph.follow")
    assert [entry["value"] for entry in kept["records"]] == [record]


@pytest.mark.parametrize("server", ["url", "plc_url"])
def test_it_listens_on_loopback_only(pds: Pds, server: str) -> None:
    """Left alone, both servers take requests from the whole network."""
    port = urlsplit(getattr(pds, server)).port
    assert listening_at(port or 0) == [LOOPBACK]


async def test_two_run_side_by_side_and_end(pds: Pds) -> None:
    async with running_pds_async(settings={"PDS_SERVICE_NAME": "another"}) as other:
        assert len({pds.url, pds.plc_url, other.url, other.plc_url}) == 4
        theirs = await asyncio.to_thread(other.create_account)
        with pytest.raises(XrpcError):
            pds.resolve_handle(theirs.handle)
        port = urlsplit(other.url).port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port or 0)) != 0


def test_a_server_that_does_not_start_says_why() -> None:
    with (
        pytest.raises(ServerFailed, match="appview service url"),
        running_pds(settings={"PDS_BSKY_APP_VIEW_URL": "https://view.example.com"}),
    ):
        pass


def test_it_ends_with_the_test_run_that_started_it() -> None:
    """A run killed at once cannot stop what it started: the server sees its input close."""
    code = "from tests.peers.pds import shared_pds; print(shared_pds().pid, flush=True); input()"
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as run:
        assert run.stdout is not None
        server = os.pidfd_open(int(run.stdout.readline()))
        run.kill()
    try:
        ended, _, _ = select.select([server], [], [], 10)
        assert ended
    finally:
        os.close(server)
