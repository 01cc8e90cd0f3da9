"""Every bound of the kernel's parts, with its reason; `limits` has those of blocks and wires."""

from typing import Final

# calls that are kept and performed later (ledger/act.py)
CALLS_BYTES_MAX: Final = 16 * 1024
"""A quarter of a transaction's body: an intent of intents still fits one."""
CALLS_DEPTH_MAX: Final = 3
"""A motion that opens an intent that opens a case; deeper is a puzzle, not an act."""
CALLS_NESTING_MAX: Final = 8
"""Intents whose calls approve intents whose calls …: each is some frames of Python's stack."""
CALLS_RUN_BYTES_MAX: Final = 2 * CALLS_BYTES_MAX
"""Of kept calls that one transaction or duty performs, however they are nested."""
CALLS_RUN_BLOCK_BYTES_MAX: Final = 2 * 1024 * 1024
"""Of kept calls that a block performs: as much again as its transactions may bring along."""

CODE_BYTES_MAX: Final = 64
"""Characters in the stable code of a rejection; the longest has 34."""

# what falls due (ledger/agenda.py)
AGENDA_DUTIES_MAX: Final = 256
"""Duties per block: what is left comes with the next, so a crowded minute delays nobody else."""
AGENDA_RUN_BYTES_MAX: Final = CALLS_RUN_BLOCK_BYTES_MAX // 2
"""Of kept calls that the duties of a block perform: half stays for its transactions."""
DUTY_BYTES_MAX: Final = 1024
"""A duty names a thing and what is to be done with it; the thing has a row of its own."""
ECHOES_MAX: Final = 1024
"""Duties that one transaction sets off without another: the months of 85 years, but no storm."""

# bodies and their charters (K6)
PROCEDURES_MAX: Final = 16
"""Procedures in the charter of a body: opening a motion reads them all."""
PROCEDURE_LENGTH_MAX: Final = 32
"""Characters in the code of a procedure."""
PROCEDURE_OPERATIONS_MAX: Final = 64
"""Tags of operations that a procedure may pass: as many as a transaction has calls."""
TAG_LENGTH_MAX: Final = 64
"""Characters in the tag of an operation."""
VOTING_MS_MAX: Final = 366 * 24 * 3_600_000
"""A vote stays open for a year at most: its members and its rules are those of its beginning."""
TIMELOCK_MS_MAX: Final = 366 * 24 * 3_600_000
"""A decision waits for a year at most; what comes later is another motion."""
OPTIONS_MAX: Final = 16
"""Options of a motion: each is a number in the tally, which every vote writes anew."""
CHOICE_LENGTH_MAX: Final = 32
"""Characters in the code of an option."""

# norms and parameters
NORM_LENGTH_MAX: Final = 48
"""Characters of a norm's code, such as law/2026/12."""
NORM_BINDS_MAX: Final = 32
"""What one norm binds: each is a row that its enactment, its amendment and its repeal write."""
BINDING_GROUNDS_MAX: Final = 8
"""Versions of norms that bind one operation: each call of it reads them all."""
PARAMETER_CHANGES_MAX: Final = 16
"""Parameters in one change: twice as many as there are."""

# K1, accounts and roles
ROLE_INCOMPATIBLE_MAX: Final = 32
"""Roles that a role is incompatible with: each costs a grant two reads, 4 us."""
ROLE_HOLDERS_MAX: Final = 1_000_000_000
"""The largest limit of holders that means anything: a nation's citizens."""
ROLE_TERM_MS_MAX: Final = 100 * 366 * 24 * 60 * 60 * 1000
"""The longest term that has an end: a century."""
GUARDIANS_MAX: Final = 16
"""Guardians of an account: family, a notary, offices; more nobody could call together."""
RECOVERY_DELAY_MS_MIN: Final = 72 * 60 * 60 * 1000
"""Who is away for a weekend can still veto a recovery that is a theft."""
RECOVERY_DELAY_MS_MAX: Final = 366 * 24 * 60 * 60 * 1000
"""Nobody waits longer than a year for an account."""
RECOVERY_FINISH_MS: Final = 30 * 24 * 60 * 60 * 1000
"""A recovery can be finished for so long after its delay: no old one surprises anybody."""
DELEGATED_OPERATIONS_MAX: Final = 16
"""Kinds of operation that a delegated key may perform: a desk's, not an office's."""
DELEGATED_PAYEES_MAX: Final = 16
"""Accounts that a delegated key pays; who pays anybody is bound by amounts."""
DELEGATED_ALLOWANCES_MAX: Final = 8
"""Assets that a delegated key spends: each leaves a row of what was spent."""
DELEGATED_MS_MAX: Final = 5 * 366 * 24 * 60 * 60 * 1000
"""A delegated key expires within five years, as a device's certificate does: none is forgotten."""

# what money may do (ledger/assets.py, ledger/restraints.py, ledger/holds.py)
CODE_LENGTH_MAX: Final = 32
"""Characters of a code for a reason or a purpose: a word or three, never a sentence."""
PURPOSES_MAX: Final = 16
"""Purposes of an earmarked asset: a grant's budget lines; a payment looks through all of them."""
ACCOUNT_LIMITS_MAX: Final = 16
"""Limits of an account, one for each asset: they are one row, which each of its payments writes."""
LIMIT_PERIOD_MS_MIN: Final = 60_000
"""A minute: a limit in shorter periods is one on each call."""
LIMIT_PERIOD_MS_MAX: Final = 366 * 24 * 60 * 60 * 1000
"""A year: an annual ceiling."""
HOLD_MS_MAX: Final = 10 * 366 * 24 * 60 * 60 * 1000
"""Ten years: the guarantee of a building. What is promised for longer is a contract, not a hold."""
FREEZE_WITHOUT_COURT_MS: Final = 72 * 60 * 60 * 1000
"""Three days are what a financial intelligence unit commonly has before a judge must decide."""
FREEZE_AGAIN_MS: Final = 30 * 24 * 60 * 60 * 1000
"""From one freeze without a court to the next of the same account: else they were without end."""
# policies, intents and records
POLICY_WAYS_MAX: Final = 4
"""Ways to meet a policy: the usual one, the deputies', the emergency's, the court's."""
POLICY_CONDITIONS_MAX: Final = 4
"""Conditions of a way: whether all can be filled is asked of each of their 15 selections."""
POLICY_ACCOUNTS_MAX: Final = 32
"""Accounts that a policy names: each has the intent on its desk, and loses it when it ends. More
parties sign one transaction (SIGNATURES_MAX), or hold a role."""
INTENT_ANSWERS_MAX: Final = 64
"""Answers to an intent, each judged again whenever one is added: as many as sign a transaction."""
INTENT_LIFETIME_MS_MAX: Final = 366 * 86_400_000
"""A year: who has not approved by then is asked anew."""
REASON_CODE_LENGTH_MAX: Final = 32
"""A word or two of a list that the agency publishes."""
RECORD_KIND_LENGTH_MAX: Final = 48
"""The code of a kind, such as civil.marriage: it stands in every key of a record."""
RECORD_FIELDS_MAX: Final = 16
"""Public fields of a record; a form of more is a document, to which the record commits."""
RECORD_FIELD_LENGTH_MAX: Final = 32
"""The name of a public field."""
RECORD_VALUE_LENGTH_MAX: Final = 128
"""The value of a public field: two digests, or the longest code of any register that we know."""
RECORD_CHOICES_MAX: Final = 32
"""Codes that a public field may be one of: classes of a licence; longer lists are records."""
RECORD_TEXT_LENGTH_MAX: Final = 4_096
"""Characters of a public text: two pages of a gazette. What is longer is committed to."""
RECORD_KEPT_DAYS_MAX: Final = 36_525
"""A century; what is kept longer is kept for ever."""
RECORDS_PER_SUBJECT_MAX: Final = 1_000_000
"""Records of one kind about one subject: a thousand years of three a day."""
# flows and cases, in docs at kernel/cases.md
FLOW_CODE_LENGTH_MAX: Final = 32
"""Characters in the code of a flow, a state or a transition."""
FLOW_PARTY_LENGTH_MAX: Final = 24
"""Characters in the code of a party: with eight bytes before it, it is a placeholder of 32."""
FLOW_PARTIES_MAX: Final = 8
"""Parties of a case, each an account in its row: two sides, counsel, officers."""
FLOW_STATES_MAX: Final = 64
"""States of a version, each a row: the longest procedures of a court have some thirty."""
STATE_TRANSITIONS_MAX: Final = 16
"""Ways out of a state, all decoded at each move; as many desks a case lies on at most."""
TRANSITION_NEEDS_MAX: Final = 8
"""Needs of a transition, each a point read or two."""
FLOW_LAPSE_MS_MAX: Final = 100 * 366 * 24 * 60 * 60 * 1000
"""A century: longer than any limitation, and far below what an integer holds."""
FLOW_VERSIONS_MAX: Final = 65_535
"""Versions of a flow: one a day for 179 years; each keeps its rows."""
