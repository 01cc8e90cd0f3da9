"""What about a genesis document cannot be, and what its lists mean.

Its form is checked by its types; here stands what they cannot say: the same rules, and the same
sentences, by which operations are refused later. All that is wrong is named at once.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import TYPE_CHECKING

from ledger import charters, norms, parameters
from ledger.accounts import AccountKind, KeeperIsKept, UnknownAccount
from ledger.accounts import contradictions as account_contradictions
from ledger.appointments import definition_contradictions, grant_contradictions, mutual
from ledger.assets import UnknownAsset
from ledger.charters import MEMBER
from ledger.observers import (
    ObserverRecord,
    ObserverRow,
    observer_contradictions,
    taken_by_observers,
    taken_by_validators,
)
from ledger.operation import sentence
from ledger.roles import KERNEL_ROLES, REGISTRAR, RoleDefinition, RoleKey, UnknownRole
from ledger.validators import record_contradictions, taken
from primitives import kernel_limits
from primitives.ids import INTEGER_MAX, AccountId, Height, NodeKey

if TYPE_CHECKING:
    from ledger.genesis import GenesisDocument


def defined(document: "GenesisDocument") -> dict[str, RoleDefinition]:
    """The roles of a network from the start, which every one has and its own."""
    found = dict.fromkeys((*KERNEL_ROLES, MEMBER), RoleDefinition(REGISTRAR, None, None, ()))
    for each in document.role_definitions:
        found[each.role] = RoleDefinition(
            each.grantor, each.max_holders, each.max_term_ms, each.incompatible
        )
    return mutual(found)


def granted(document: "GenesisDocument") -> list[RoleKey]:
    """Who holds which role from the start."""
    return [RoleKey(grant.role, grant.scope, grant.holder) for grant in document.roles]


def observer_rows(records: Iterable[ObserverRecord]) -> dict[NodeKey, ObserverRow]:
    """The rows of observers that a network begins with."""
    return {
        record.node_key: ObserverRow(record.name, record.account, Height(0), None)
        for record in records
    }


def contradictions(document: "GenesisDocument") -> Iterator[str]:
    """Everything about a document that its form cannot exclude."""
    yield from _parameter_errors(document)
    yield from _validator_errors(document)
    yield from _observer_errors(document)
    yield from _account_errors(document)
    known = {account.id for account in document.accounts}
    yield from _body_errors(document)
    yield from _norm_errors(document)
    yield from _role_errors(document, known)
    yield from _book_errors(document, known)


def _parameter_errors(document: "GenesisDocument") -> Iterator[str]:
    for refusal in parameters.contradictions(document.parameters, len(document.validators)):
        yield f"parameters: {sentence(refusal)}"


def _norm_errors(document: "GenesisDocument") -> Iterator[str]:
    yield from _repeated("norms: the code", (draft.norm for draft in document.norms))
    for draft in document.norms:
        for refusal in norms.contradictions(draft, document.time_ms):
            yield f"norms: {sentence(refusal)}"
    most = kernel_limits.BINDING_GROUNDS_MAX
    for bindable, count in Counter(b for draft in document.norms for b in draft.binds).items():
        if count > most:
            yield f"norms: {sentence(norms.TooManyGrounds(bindable, most))}"


def _validator_errors(document: "GenesisDocument") -> Iterator[str]:
    accounts = {account.id: account.row() for account in document.accounts}
    for index, record in enumerate(document.validators):
        for refusal in taken(record, document.validators[:index]):
            yield f"validators: {sentence(refusal)}"
        for contradiction in record_contradictions(record, accounts.get(record.account)):
            yield f"validator {record.name}: {sentence(contradiction)}"


def _observer_errors(document: "GenesisDocument") -> Iterator[str]:
    accounts = {account.id: account.row() for account in document.accounts}
    yield from _repeated("observers: the node key", (o.node_key.hex() for o in document.observers))
    for index, record in enumerate(document.observers):
        others = observer_rows(document.observers[:index])
        for refusal in (
            *taken_by_validators(record, document.validators),
            *taken_by_observers(record, others),
        ):
            yield f"observers: {sentence(refusal)}"
        for contradiction in observer_contradictions(record, accounts.get(record.account)):
            yield f"observer {record.name}: {sentence(contradiction)}"


def _account_errors(document: "GenesisDocument") -> Iterator[str]:
    yield from _repeated("accounts: the id", (a.id.hex() for a in document.accounts))
    signs = {account.id: bool(account.keys) for account in document.accounts}
    for account in document.accounts:
        for refusal in account_contradictions(account.id, account.row()):
            yield f"accounts: {sentence(refusal)}"
        if account.keeper is not None and account.keeper not in signs:
            yield f"accounts: {sentence(UnknownAccount(account.keeper))}"
        elif account.keeper is not None and not signs[account.keeper]:
            yield f"accounts: {sentence(KeeperIsKept(account.id, account.keeper))}"


def _body_errors(document: "GenesisDocument") -> Iterator[str]:
    yield from _repeated("bodies: the account", (body.account.hex() for body in document.bodies))
    bodies = {a.id for a in document.accounts if a.kind is AccountKind.BODY}
    roles = defined(document)
    assets = {asset.code for asset in document.assets}
    for body in document.bodies:
        if body.account not in bodies:
            yield f"bodies: {sentence(UnknownAccount(body.account))}"
        for refusal in charters.contradictions(body.charter):
            yield f"body {body.account.hex()}: {sentence(refusal)}"
        for each in body.charter.procedures:
            for role in (each.opener, each.electorate, each.guardian):
                if role is not None and role not in roles:
                    yield f"body {body.account.hex()}: {sentence(UnknownRole(role))}"
            if each.asset is not None and each.asset not in assets:
                yield f"body {body.account.hex()}: {sentence(UnknownAsset(each.asset))}"
    chartered = {body.account for body in document.bodies}
    for account in sorted(bodies - chartered):
        yield f"bodies: {sentence(charters.NoCharter(account))}"
    if document.governor is not None and document.governor not in chartered:
        yield f"governor: {sentence(charters.NoCharter(document.governor))}"


def _role_errors(document: "GenesisDocument", known: set[AccountId]) -> Iterator[str]:
    yield from _repeated("roles: the definition", (d.role for d in document.role_definitions))
    yield from _repeated("roles: the grant", ((r.role, r.scope, r.holder) for r in document.roles))
    definitions = defined(document)
    for refusal in (
        *definition_contradictions(definitions),
        *grant_contradictions(definitions, granted(document)),
    ):
        yield f"roles: {sentence(refusal)}"
    for grant in document.roles:
        if grant.holder not in known:
            yield f"role {grant.role}: no account has the id of its holder, {grant.holder.hex()}"
        if grant.scope is not None and grant.scope not in known:
            yield f"role {grant.role}: no account has the id of its scope, {grant.scope.hex()}"


def _book_errors(document: "GenesisDocument", known: set[AccountId]) -> Iterator[str]:
    yield from _repeated("assets: the code", (asset.code for asset in document.assets))
    for asset in document.assets:
        if asset.issuer not in known:
            yield f"asset {asset.code}: no account has the id of its issuer, {asset.issuer.hex()}"
    yield from _repeated(
        "balances: the pair", ((b.account.hex(), b.asset) for b in document.balances)
    )
    codes = {asset.code for asset in document.assets}
    supplies: Counter[str] = Counter()
    for balance in document.balances:
        if balance.account not in known:
            yield f"balances: no account has the id {balance.account.hex()}"
        if balance.asset not in codes:
            yield f"balances: there is no asset {balance.asset}"
        supplies[balance.asset] += balance.amount
    for code, supply in supplies.items():
        if supply > INTEGER_MAX:
            yield f"balances: {supply} of {code} in all, at most {INTEGER_MAX} can exist"


def _repeated(what: str, values: Iterable[Hashable]) -> Iterator[str]:
    for value, count in Counter(values).items():
        if count > 1:
            yield f"{what} {value} stands {count} times, expected once"
