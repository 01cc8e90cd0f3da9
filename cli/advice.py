"""What to do next about an error, for people, where its message alone does not say it.

By stable code: those of the catalogue of refusals, and the command line's own. What a person can
only accept, such as a day that does not exist, has no line here: its message is enough.
"""

from typing import Final

OWN_CODES: Final = frozenset({"node.unreachable", "bad_signature"})
"""Codes that the command line gives, beside those of the catalogue."""

NEXT: Final = {
    "node.unreachable": "`mithaq localnet status` shows what runs on this machine, `mithaq "
    "localnet up` starts it; --node URL asks another node.",
    "bad_signature": "sign it again with `mithaq tx sign`; it was changed after it was signed.",
    "account.unknown": "`mithaq keys list` shows the accounts of this home's keys.",
    "accounts.unknown": "`mithaq keys list` shows the accounts of this home's keys; a registrar "
    "opens others with `mithaq tx send authority.open_account`.",
    "block.unknown": "`mithaq block` without a height shows the latest.",
    "books.duplicate_reference": "`mithaq tx show` with that transaction shows what was paid; "
    "another payment needs another reference.",
    "assets.not_the_issuer": "only the issuer's key may do this: --actor and --key say who acts.",
    "books.overdraft": "`mithaq account` with that account shows what it holds.",
    "books.pays_itself": "--actor says who pays, to= who is paid.",
    "evidence.already_reported": "`mithaq tx show` with that transaction shows what came of it.",
    "evidence.out_of_range": "about a later height, submit it again when that block is there; "
    "about an older one, the file alone remains.",
    "evidence.unknown": "another node may have it: --node URL; `mithaq evidence list` shows what "
    "this one has.",
    "evidence.unproven": "`mithaq evidence verify FILE` says what is wrong with it.",
    "history.pruned": "another node may keep it: --node URL.",
    "mempool.full": "nothing was taken; send it again in a moment.",
    "mempool.quota_exceeded": "send it again when some of this account's are final.",
    "node.internal": "another node may answer: --node URL; the node's operator finds the incident "
    "in its log.",
    "roles.missing": "a holder of the role must sign; the role's grantor grants it with `mithaq tx "
    "send authority.grant_role`.",
    "signer.height_decided": "`mithaq status` of every node shows its highest block; only a height "
    "above all of them can be new.",
    "signer.not_fenced": "`mithaq status` says what a validator waits for.",
    "state.absent": "`mithaq proof get --state TABLE KEY --height H` proves that.",
    "transaction.bad_signature": "sign it again with `mithaq tx sign`; it was changed after it was "
    "signed.",
    "transaction.expired": "build and sign it again; --valid-for says how long it lasts.",
    "transaction.not_delegated": "the account itself must sign, or delegate this to the key with "
    "`mithaq tx send authority.delegate_key`.",
    "transaction.over_allowance": "spend less, wait for the next period, or let the account sign.",
    "transaction.payee_not_allowed": "the account itself must sign to pay others.",
    "transaction.superfluous_signature": "sign only with keys of the accounts that act in it.",
    "transaction.threshold_not_reached": "more keys must sign: `mithaq tx sign`.",
    "transaction.too_far_ahead": "give a shorter --valid-for, and check this machine's clock.",
    "transaction.unknown": "it may wait at another node (--node URL); if its time is not over, "
    "submit it again.",
    "transaction.unsigned": "`mithaq tx sign FILE --key NAME` signs it.",
    "transaction.wrong_chain": "--home must name the files of the network that --node belongs to.",
}
