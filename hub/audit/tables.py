"""The audit trail. Entries are only ever inserted; their place in the chain is a row beside them."""

from __future__ import annotations

from piccolo.table import Table

from hub.db.columns import big_number, code, code_or_none, instant, key, number, text, text_or_none


class AuditEntry(Table, tablename="audit_entry"):
    """Who did or asked what, on whose data, why it was allowed or refused. `leaf` is the hash of all other columns."""

    id = key()
    recorded_at = instant()  # when it was written
    happened_at = instant()  # by the hub's clock: the demonstration tells a past year
    action = code()  # tag with a grammar: feature:noun:verb, such as mou:agreement:execute
    outcome = code()  # permitted | refused | failed
    actor_kind = code()
    actor_id = code()
    actor_name = text()
    organization = code_or_none()  # for which the actor acted
    subject_type = code()  # a FHIR type or one of ours: Task, Agreement, Meeting, …
    subject_id = code_or_none(index=True)
    member = code_or_none()  # whose data
    counterpart = code_or_none()  # the other organization
    basis = text_or_none()  # why it was allowed or refused, in words, with the ids of terms and consents
    detail = text_or_none()  # canonical JSON: what changed, elements released, the query; never personal data
    request_id = text_or_none()
    origin = text_or_none()
    members = code_or_none()  # of an act on the data of several: how many, and the digest of their rows beside it
    leaf = code()  # SHA-256, hex


class AuditMember(Table, tablename="audit_member"):
    """One of several members on whose data one act was: the entry's own member, counterpart and basis are empty."""

    entry = code(primary_key=True)  # together with the member; of such a key Piccolo knows the first column
    member = code()
    counterpart = code_or_none()
    basis = text_or_none()
    happened_at = instant()  # that of the entry: a trail is read in its order


class AuditChain(Table, tablename="audit_chain"):
    """An entry's place: seq counts from 1 without a gap, hash = SHA-256(previous hash + leaf)."""

    id = key()
    seq = big_number(unique=True)
    entry = code(unique=True)
    hash = code()


class AuditSeal(Table, tablename="audit_seal"):
    """A signature over the chain's head up to `seq` and the seal before, with a key that is not in the database."""

    id = key()
    seq = big_number(unique=True)
    head = code()
    previous = code()  # digest of the seal before: no seal can be taken out
    key_id = code()
    signature = text()
    sealed_at = instant()


class AuditLease(Table, tablename="audit_lease"):
    """Which worker seals: one row."""

    id = key()
    holder = code()
    until = instant()
    fencing = number(default=0)
