"""Writes a member's data as a ZIP of JSON files that people and programs can read: docs/export.md.

It never holds tokens, session cookies, nonces or anything sealed. Each file is written from named fields, so
that a field added to a table is not exported by accident.
"""

import io
import zipfile
from datetime import datetime
from typing import Any, Final

import msgspec

from directory.accounts import Account, LinkedAccount
from directory.follows.newcomers import Newcomer
from directory.mappings import Evidence
from directory.members.challenges import ProofCheck
from directory.members.claims import Claim
from directory.members.consents import Consent
from directory.members.kept_lists import LIST_NAMES, NO_DAY, KeptList
from directory.members.newcomer_messages import MessageEnd, MessageState, NewcomerMessages
from directory.members.page_links import LinkCheck
from directory.members.publications import Publication
from directory.members.sessions import Session
from directory.members.tokens import Token
from directory.moderation.hides import Hide
from directory.services.export_follows import follow_runs, ignored_person, standing_match
from directory.store.challenges import ChallengeRow
from directory.store.exports import MemberData

FORMAT: Final = "passerelle-export/1"
_EARLIEST_ZIP_YEAR: Final = 1980

Document = dict[str, Any] | list[dict[str, Any]]


def write_export(data: MemberData, instance: str, now: datetime) -> bytes:
    """Writes the ZIP file. Takes about a second for the largest follow lists, so it must not run in the event
    loop's thread."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, document in documents(data, instance, now).items():
            entry = zipfile.ZipInfo(name, _zip_time(now))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, msgspec.json.format(msgspec.json.encode(document), indent=2))
    return file.getvalue()


def documents(data: MemberData, instance: str, now: datetime) -> dict[str, Document]:
    """Returns the files by name. Times are RFC 3339 in UTC. X ids are texts, since they are larger than the
    exact numbers of many programs."""
    files: dict[str, Document] = {
        "member.json": {
            "format": FORMAT,
            "instance": instance,
            "exported_at": now,
            "member_since": data.member.created,
        },
        "accounts.json": [_account(account) for account in data.accounts],
        "claims.json": [_claim(claim) for claim in data.claims],
        "publications.json": [_publication(each, origin, now) for each, origin in data.publications],
        "consents.json": [_consent(consent) for consent in data.consents],
        "permissions.json": [_permission(token, data.accounts) for token in data.permissions],
        "proofs.json": [_proof(challenge, data.checks) for challenge in data.challenges],
        "links.json": [_page(data.page_code, data.link_checks)] if data.page_code is not None else [],
        "newcomers.json": [_newcomer(each) for each in data.newcomers],
        "messages.json": [_messages(data.messages, data.accounts)] if data.messages is not None else [],
        "hidden.json": [_hide(hide) for hide in data.hides],
        "runs.json": follow_runs(data.runs, data.run_items, data.accounts),
        "ignored.json": list(map(ignored_person, data.ignored)),
        "standing.json": [standing_match(each, data.accounts) for each in data.standing],
        "sessions.json": [_session(session, data.accounts) for session in data.sessions],
    }
    for kept in data.follow_lists:
        files[f"follow-lists/{LIST_NAMES[kept.kind]}.json"] = _follow_list(kept)
    return files


def _account(account: LinkedAccount) -> dict[str, Any]:
    return {
        "network": account.network,
        "id": _id(account.account),
        "handle": str(account.handle),
        "linked_at": account.linked_at,
        "proven_at": account.proven_at,
        "last_seen_to_hold_at": account.checked_at,
        "proof": account.health,
        "proof_since": account.health_since,
        "next_look_at": account.recheck_at,
        "shown_on_page": account.on_page,
        "moved_to": str(account.moved_to) if account.moved_to is not None else None,
        "page": account.page,
        "software": account.software or None,
        "evidence": _evidence(account.evidence),
    }


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "x_account": _id(claim.account),
        "x_handle": str(claim.account.handle),
        "claimed_at": claim.claimed_at,
        "proven_at": claim.proven_at,
        "doubted_at": claim.doubted_at,
        "state": claim.state.label,
        "decided_at": claim.decided_at,
        "settled_at": claim.settled_at,
        "evidence": _evidence(claim.evidence),
    }


def _publication(publication: Publication, origin: str, now: datetime) -> dict[str, Any]:
    return {
        "x": {
            "id": str(publication.x_id) if publication.x_id is not None else None,
            "handle": str(publication.x_handle),
        },
        "to": {
            "network": publication.network,
            "id": str(publication.target_id),
            "handle": str(publication.target_handle),
        },
        "strength": publication.strength.label,
        "state": publication.state(now),
        "contested": publication.is_contested,
        "published_at": publication.published_at,
        "issued": publication.issued,
        "expires": publication.expires,
        "log": origin,
        "leaf": publication.leaf,
    }


def _consent(consent: Consent) -> dict[str, Any]:
    return {
        "to": consent.kind.label,
        "version": consent.version,
        "given_at": consent.given_at,
        "expires": consent.expires,
        "ended_at": consent.ended_at,
        "ended_by": consent.ended_by.label if consent.ended_by is not None else None,
    }


def _permission(token: Token, accounts: list[LinkedAccount]) -> dict[str, Any]:
    account = next(account for account in accounts if account.id == token.account)
    return {
        "network": account.network,
        "account": _id(account.account),
        "purpose": token.purpose,
        "server": token.issuer,
        "scope": token.scopes,
        "granted_at": token.granted_at,
        "renewed_at": token.refreshed_at,
    }


def _session(session: Session, accounts: list[LinkedAccount]) -> dict[str, Any]:
    account = next(account for account in accounts if account.id == session.account)
    return {
        "browser": session.label,
        "network": account.network,
        "account": _id(account.account),
        "began_at": session.created,
        "last_used_at": session.used_at,
    }


def _proof(challenge: ChallengeRow, checks: list[ProofCheck]) -> dict[str, Any]:
    return {
        "asked_at": challenge.created,
        "language": challenge.language,
        "accounts": [str(target.id) for target in challenge.targets],
        "state": challenge.state.name.lower(),
        "closed_at": challenge.closed_at,
        "posts": [_check(check) for check in checks if check.challenge == challenge.id],
    }


def _check(check: ProofCheck) -> dict[str, Any]:
    return {
        "post": str(check.post_id),
        "handed_in_at": check.created,
        "state": check.state.label,
        "attempts": check.attempts,
        "finished_at": check.finished_at,
        "reason": check.reason,
    }


def _page(code: str, checks: list[LinkCheck]) -> dict[str, Any]:
    return {"page": f"/m/{code}", "checks": [_link_check(check) for check in checks]}


def _link_check(check: LinkCheck) -> dict[str, Any]:
    return {
        "x_handle": str(check.x_handle),
        "asked_at": check.created,
        "state": check.state.label,
        "attempts": check.attempts,
        "finished_at": check.finished_at,
        "reason": check.reason,
    }


def _follow_list(kept: KeptList) -> dict[str, Any]:
    people = zip(kept.x_ids, kept.x_handles, kept.x_seen, strict=True)
    return {
        "kept_at": kept.kept_at,
        "people": [
            {
                "id": str(x_id) if x_id else None,
                "handle": handle or None,
                "seen": seen if seen != NO_DAY else None,
            }
            for x_id, handle, seen in people
        ],
    }


def _newcomer(newcomer: Newcomer) -> dict[str, Any]:
    mapping = newcomer.mapping
    return {
        "x": {
            "id": str(mapping.x_id) if mapping.x_id is not None else None,
            "handle": str(mapping.x_handle),
        },
        "to": {
            "network": mapping.network,
            "id": str(mapping.target_id),
            "handle": str(mapping.target_handle),
        },
        "origin": mapping.origin,
        "doubt": newcomer.doubt,
        "found_at": newcomer.found_at,
    }


def _messages(messages: NewcomerMessages, accounts: list[LinkedAccount]) -> dict[str, Any]:
    account = next(account for account in accounts if account.id == messages.account)
    return {
        "network": account.network,
        "account": _id(account.account),
        "language": messages.language,
        "state": messages.state.label,
        "cannot_be_written_to": messages.end.label if messages.end is not MessageEnd.NONE else None,
        "chosen_at": messages.chosen_at,
        "test_message_sent": messages.is_tested,
        "last_sent_at": messages.last_sent_at,
        "next_look_at": messages.next_at if messages.state is MessageState.ACTIVE else None,
    }


def _hide(hide: Hide) -> dict[str, Any]:
    return {
        "x_account": str(hide.x_id) if hide.x_id is not None else None,
        "x_handle": str(hide.x_handle),
        "network": hide.network,
        "reason": hide.reason,
        "hidden_at": hide.hidden_at,
    }


def _id(account: Account) -> str | None:
    """Returns the lasting id of an account. None for an X account whose id no proof told."""
    return str(account.id) if account.id is not None else None


def _evidence(evidence: tuple[Evidence, ...]) -> list[dict[str, Any]]:
    return [{"kind": item.kind, "at": item.at, "ref": item.ref, "names": item.names} for item in evidence]


def _zip_time(now: datetime) -> tuple[int, int, int, int, int, int]:
    return (max(now.year, _EARLIEST_ZIP_YEAR), now.month, now.day, now.hour, now.minute, now.second)


def export_name(now: datetime) -> str:
    """Returns the file's name, which names no person."""
    return f"passerelle-{now:%Y-%m-%d}.zip"
