"""Accounts, signing in and out, sessions. The password is hashed before the unit of work begins, never inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from hub.audit.actions import Entry, record
from hub.auth.accounts import hash_password, password_is_right
from hub.auth.queries import AccountRow, account_named, locked_until
from hub.auth.rules import (
    BY_ADDRESS,
    BY_NAME,
    Lockout,
    minutes_left,
    name_problem,
    normal_name,
    password_problem,
    subject_of,
)
from hub.auth.tables import Account, LoginAttempt, WebSession
from hub.db.engine import fetch_value
from hub.db.transaction import unit_of_work
from hub.kernel import clock
from hub.kernel.actor import Actor, ActorKind
from hub.kernel.errors import Conflict, Invalid, Issue, NotFound, Problems, TooMany
from hub.kernel.ids import new_id

LoadUser = Callable[[str], Awaitable[Actor | None]]

WRONG = "The user name or the password is not right"


@dataclass(frozen=True, slots=True)
class SignedIn:
    account: str
    actor: Actor


async def create_account(actor: Actor, person: str, username: str, password: str) -> str:
    """Give a person of the directory a way in."""
    name = normal_name(username)
    problems = Problems()
    if problem := name_problem(name):
        problems.add("username", problem)
    if problem := password_problem(password, name):
        problems.add("password", problem)
    problems.refuse("The account cannot be made like this.")
    return await _insert_account(actor, person, name, await hash_password(password))


@unit_of_work
async def _insert_account(actor: Actor, person: str, username: str, password_hash: str) -> str:
    if await Account.exists().where((Account.username == username) | (Account.person == person)):
        raise Conflict("This user name is taken, or this person has an account already.")
    account = new_id()
    await Account.insert(
        Account(id=account, username=username, password_hash=password_hash, person=person, created_at=clock.now())
    )
    await record(actor, Entry("auth:account:create", "Account", account, detail={"person": person}))
    return account


@unit_of_work
async def deactivate_account(actor: Actor, account: str) -> None:
    """No way in any more; sessions that are open end with their next request."""
    changed = await Account.update({Account.active: False}).where(Account.id == account).returning(Account.id)
    if not changed:
        raise NotFound("There is no such account.")
    await _delete_sessions(account)
    await record(actor, Entry("auth:account:deactivate", "Account", account))


@unit_of_work
async def revoke_sessions(actor: Actor, account: str) -> None:
    await _delete_sessions(account)
    await record(actor, Entry("auth:session:revoke", "Account", account))


async def _delete_sessions(account: str) -> None:
    await WebSession.delete().where(WebSession.account == account)


async def sign_in(
    username: str, password: str, load_user: LoadUser, *, origin: str = "", request_id: str = ""
) -> SignedIn:
    """Who this is. Raises `TooMany` while locked, else `Invalid` with words that do not tell what was wrong.

    The attempt is counted before the password is looked at, so that guesses sent at once count as many.
    """
    name = normal_name(username)
    somebody = Actor(ActorKind.USER, "unknown", "Somebody not signed in", request_id=request_id, origin=origin)
    by_address = await count_attempt("origin", origin, BY_ADDRESS)
    by_name = await count_attempt("name", name, BY_NAME)
    if by_address > BY_ADDRESS.attempts or by_name > BY_NAME.attempts:
        await _refuse_locked(somebody, name, origin)
    account = await account_named(name)
    right = await password_is_right(password, account.password_hash if account else None)
    found = await load_user(account.person) if account and account.active and right else None
    if account is None or found is None:
        await record(somebody, _failure(account, last=by_name == BY_NAME.attempts))
        raise Invalid(WRONG, issues=[Issue("", WRONG, "login")])
    actor = found.in_request(request_id, origin)
    await _signed_in(actor, account.id, name)
    return SignedIn(account.id, actor)


def _failure(account: AccountRow | None, *, last: bool) -> Entry:
    tag = "auth:account:lock" if last else "auth:session:refuse"
    return Entry(tag, "Account", account.id if account else None, outcome="failed")


async def _refuse_locked(somebody: Actor, name: str, origin: str) -> None:
    now = clock.now()
    ends = [await locked_until("name", name), await locked_until("origin", origin)]
    until = max([end for end in ends if end is not None], default=now)
    minutes = minutes_left(until, now)
    await record(somebody, Entry("auth:session:refuse", "Account", outcome="refused", basis="locked"))
    raise TooMany(
        f"There were too many attempts to sign in. Wait {minutes} minute{'' if minutes == 1 else 's'} and try again.",
        headers={"Retry-After": str(60 * minutes)},
    )


@unit_of_work
async def _signed_in(actor: Actor, account: str, name: str) -> None:
    now = clock.now()
    await Account.update({Account.last_login_at: now}).where(Account.id == account)
    await LoginAttempt.delete().where(LoginAttempt.subject == subject_of("name", name))
    await (
        LoginAttempt.update({LoginAttempt.failures: LoginAttempt.failures - 1})
        .where(LoginAttempt.subject == subject_of("origin", actor.origin), LoginAttempt.failures > 0)
    )  # fmt: skip
    await WebSession.delete().where(WebSession.expires_at <= now)
    await record(actor, Entry("auth:session:begin", "Account", account))


async def sign_out(actor: Actor, account: str) -> None:
    """The session's row goes with the answer (see `sessions`)."""
    await record(actor, Entry("auth:session:end", "Account", account))


async def count_attempt(kind: str, value: str, limit: Lockout) -> int:
    """Count one attempt, atomically on both databases; its number in the window.

    `locked_until` is when the row stops counting: the window's end, or the lock's once the limit is reached.
    """
    now = clock.now()
    window, lock = now + limit.window, now + limit.locked
    count = await fetch_value(
        "INSERT INTO login_attempt (id, subject, failures, window_from, locked_until) VALUES ({}, {}, 1, {}, {})"
        " ON CONFLICT (subject) DO UPDATE SET"
        " failures = CASE WHEN login_attempt.locked_until <= excluded.window_from THEN 1"
        " ELSE login_attempt.failures + 1 END,"
        " window_from = CASE WHEN login_attempt.locked_until <= excluded.window_from THEN excluded.window_from"
        " ELSE login_attempt.window_from END,"
        " locked_until = CASE WHEN login_attempt.locked_until <= excluded.window_from THEN excluded.locked_until"
        " WHEN login_attempt.failures + 1 = {} THEN {} ELSE login_attempt.locked_until END"
        " RETURNING failures",
        new_id(),
        subject_of(kind, value),
        now,
        window,
        limit.attempts,
        lock,
    )
    return int(count)


@unit_of_work
async def save_session(token_hash: str, account: str | None, data: str, expires_at: datetime, *, new: bool) -> None:
    """Keep a session. One that was revoked meanwhile stays revoked."""
    if new:
        row = WebSession(token_hash=token_hash, account=account, data=data, expires_at=expires_at)
        await WebSession.insert(row)
        return
    await WebSession.update(
        {WebSession.account: account, WebSession.data: data, WebSession.expires_at: expires_at}
    ).where(WebSession.token_hash == token_hash)


@unit_of_work
async def end_session(token_hash: str) -> None:
    await WebSession.delete().where(WebSession.token_hash == token_hash)
