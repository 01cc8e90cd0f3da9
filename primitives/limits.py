"""Every bound, with its reason. A container that strangers can fill names its limit here."""

from typing import Final

from primitives import kernel_limits as kernel

# validators and votes
VALIDATORS_MAX: Final = 128
"""A commit certificate is then at most 128 × 67 bytes, and a new-view at most 128 view changes."""
OBSERVERS_MAX: Final = 256
"""Observers in force: each is a link of every validator, and 32 bytes of one row of the state."""
SIGNATURES_KNOWN_MAX: Final = 8_192
"""Signatures that are known to be good, 3 MB: all that 128 validators say in some ten views."""
STATEMENT_BYTES_MAX: Final = 128
"""A signed statement; the longest, a view change, has 101 bytes."""

# transactions and blocks (ledger.md §2)
TRANSACTION_BODY_BYTES_MAX: Final = 64 * 1024
"""A statement of 64 calls with texts fits; a document does not belong in a block."""
SIGNATURES_MAX: Final = 64
"""Signatures per transaction: each costs every node 50 µs, and 64 parties is a large treaty."""
TRANSACTION_BYTES_MAX: Final = TRANSACTION_BODY_BYTES_MAX + SIGNATURES_MAX * 104
"""Body, and for each signature a key (34), a signature (66) and framing."""
CALLS_MAX: Final = 64
"""Calls per transaction: it stays reviewable, and one transaction cannot fill a block."""
BLOCK_TRANSACTIONS_MAX: Final = 5_000
"""With BLOCK_BYTES_MAX it bounds execution and the size of a compact proposal."""
BLOCK_BYTES_MAX: Final = 2 * 1024 * 1024
"""Sum of the transactions' bytes: 2 MiB cross a 100 Mbit/s link in 0.2 s."""

# messages between nodes
BLOCK_MESSAGE_BYTES_MAX: Final = BLOCK_BYTES_MAX + 5 * BLOCK_TRANSACTIONS_MAX + 4096
"""An encoded block: its transactions, at most five bytes of framing each, and a header."""
CERTIFICATE_BYTES_MAX: Final = VALIDATORS_MAX * 72 + 64
"""One seal is a seat, 64 signature bytes and framing."""
VIEW_CHANGE_BYTES_MAX: Final = CERTIFICATE_BYTES_MAX + 256
"""The claim, its signature and the attached certificate."""
MESSAGE_BYTES_MAX: Final = BLOCK_MESSAGE_BYTES_MAX + (VALIDATORS_MAX + 2) * VIEW_CHANGE_BYTES_MAX
"""The largest message: a new-view with a full block, a justification and a certificate."""
INLINE_BODY_BYTES_MAX: Final = 128 * 1024
"""A proposal carries bodies up to here whole; above, hashes that the receivers mostly hold."""

# consensus memory (consensus.md §11)
VIEWS_AHEAD_KEPT: Final = 2
"""Proposals and votes are kept for wish..wish+2; later ones come again through Status."""
VIEWS_BEHIND_KEPT: Final = 2
"""Votes of wish−2.. still complete a commit quorum that a view change overtook."""
FETCHES_MAX: Final = 4
"""Bodies asked for at once; one height rarely has more than two candidate blocks."""

# p2p
FRAME_BYTES_MAX: Final = 4 * 1024 * 1024 + 64 * 1024
"""A payload on a link: the largest message (MESSAGE_BYTES_MAX) in an envelope, with room."""
LINK_WRITE_BYTES: Final = 32 * 1024
"""One coalesced write, and so the largest frame: a vote on a line of 4 Mbit/s waits 65 ms for it.
A hundred votes in one write are as cheap as a thousand."""
LINK_VOTES_MAX: Final = 4_096
"""Votes that wait for one peer: several heights of 128 validators; more means that it is gone."""
LINK_VOTES_BYTES_MAX: Final = 8 * 1024 * 1024
"""The same in bytes; a view change with its certificate has 9 KB at 128 validators."""
LINK_BLOCKS_MAX: Final = 64
"""Proposals, bodies and decided blocks that wait for one peer: a minute of the chain."""
LINK_BLOCKS_BYTES_MAX: Final = 16 * 1024 * 1024
"""Four of the largest messages."""
LINK_TRANSACTIONS_MAX: Final = 8_192
"""Transactions that wait for one peer: more than a full block."""
LINK_TRANSACTIONS_BYTES_MAX: Final = 8 * 1024 * 1024
"""Four full blocks; beyond it the oldest are dropped and offered again by hash."""
INBOX_MESSAGES_MAX: Final = 1_024
"""Payloads of one peer that wait for the node; then we stop reading from that peer."""
INBOX_BYTES_MAX: Final = 8 * 1024 * 1024
"""The same in bytes: at least one largest frame; times the peers it bounds a flood's memory."""
GOSSIP_BYTES_MAX: Final = 2 * 1024 * 1024 + 512 * 1024
"""A full block with its framing, certificate and envelope."""
GOSSIP_WAITING_MAX: Final = 64
"""Blocks that wait to be published or to be sent to one gossip peer: two minutes of the chain."""
GOSSIP_SEEN_MAX: Final = 4_096
"""Messages whose repetition is recognised: an hour of blocks; height tells an older one."""
GOSSIP_MESSAGES_PER_SECOND: Final = 200
"""What one peer may make us relay each second: catching up is by request, blocks come singly."""
GOSSIP_HEIGHTS_KEPT: Final = 64
"""Of which it is known who votes and which block was passed on: two minutes of the chain."""
FAULT_POINTS: Final = 20
"""For a payload that no honest node sends; five within a minute pause its sender."""
REQUEST_BYTES_MAX: Final = 64 * 1024
"""A question names heights or hashes; 2,000 hashes fit."""
RESPONSE_BYTES_MAX: Final = 8 * 1024 * 1024
"""An answer: three full blocks with certificates, or a few hundred ordinary ones."""
REQUESTS_PER_PEER_MAX: Final = 4
"""Questions of one peer in progress, and ours to it: a peer that hangs costs its own slots only."""
REQUESTS_MAX: Final = 32
"""Questions in progress over all peers: at 8 MiB each, answers hold at most 256 MiB."""
FOLLOWER_REQUESTS_MAX: Final = 24
"""Of these, by all who do not vote: a validator that catches up finds a place in any case."""
STREAMS_PER_PEER_MAX: Final = 32
"""Streams a peer may hold open to us: link, gossip and requests need fewer than ten."""
STREAM_WINDOW_BYTES: Final = 256 * 1024
"""What may be under way on one stream, as yamux begins with: so much may a vote on the same path
find before it. 70 Mbit/s with each peer at a round trip of 30 ms."""
QUOTA_BURST_S: Final = 4.0
"""A share may be saved up for so long: what piles up while a loop is busy is no flood."""
VALIDATOR_BYTES_PER_SECOND: Final = 16 * 1024 * 1024
"""Eight full blocks a second, or 50,000 payments."""
VALIDATOR_MESSAGES_PER_SECOND: Final = 1_000
"""A height has three or four, a busy mempool a hundred a second; the burst is a whole lane."""
VALIDATOR_ANSWER_BYTES_PER_SECOND: Final = 32 * 1024 * 1024
"""A validator that catches up shall have what a network of 250 Mbit/s carries."""
FOLLOWER_BYTES_PER_SECOND: Final = 2 * 1024 * 1024
"""6,000 payments a second that clients submit there, or one full block relayed."""
FOLLOWER_MESSAGES_PER_SECOND: Final = 200
"""A hundred batches of transactions, its status, and questions; 20 ms of a core."""
FOLLOWER_ANSWER_BYTES_PER_SECOND: Final = 8 * 1024 * 1024
"""From each validator: four of them fill a newcomer's line of 250 Mbit/s."""
PEERS_MAX: Final = 512
"""Peers of one node: every validator, and three times as many observers."""
ADDRESSES_PER_PEER_MAX: Final = 4
"""One per family and network; they are dialled in turn, so each more delays the right one."""
DIALS_MAX: Final = 32
"""Attempts to connect at once: 128 peers that are gone are each tried again within ten seconds."""
CONNECTIONS_PER_PEER_MAX: Final = 4
"""Both sides may dial at once, and a restarted peer comes before its old connections are dead."""
CONNECTIONS_AT_ONCE: Final = 32
"""That one peer begins, before the rate holds: one that restarts again and again, and more."""
CONNECTIONS_PER_MINUTE: Final = 60
"""Each costs both sides some milliseconds: a handshake, streams, and what a new link is told."""
PENALTY_POINTS_MAX: Final = 100
"""At which a peer is paused; a violation of framing is worth them all."""
PENALTY_HALF_LIFE_S: Final = 60.0
"""A fault every minute or so never adds up to a pause; a burst does."""
PENALTIES_SHOWN: Final = 8
"""The latest of a peer that an operator sees; the counter has them all."""
PAUSE_S_MAX: Final = 600.0
"""The longest pause of a peer: a repaired one is back before its operator calls."""
PAUSE_VOTER_S_MAX: Final = 40.0
"""The longest of a validator: a quorum that needs it waits so long at the most."""
PAUSE_FORGOTTEN_S: Final = 1_800.0
"""So long after a pause its doubling is forgotten."""
BOOTSTRAP_MAX: Final = 32
"""Nodes that an operator lists to be dialled first; one that answers tells of all others."""
ADDRESS_LENGTH_MAX: Final = 262
"""A host name of 253 characters, brackets, a colon, and a port."""
ADDRESS_PAGE_BYTES_MAX: Final = ADDRESSES_PER_PEER_MAX * (ADDRESS_LENGTH_MAX + 3) + 128
"""One node's signed addresses: 1,188 bytes."""
ADDRESSES_MESSAGE_MAX: Final = 64
"""Nodes whose addresses one message tells, or asks for: 71 KiB at their longest."""
HANDSHAKES_MAX: Final = 64
"""Connections not yet authenticated; one more displaces the oldest of whoever holds most."""
HANDSHAKES_PER_SECOND: Final = 20
"""That one origin begins, after a burst of HANDSHAKES_MAX: 1 ms of work each, 2 % of a core."""
ACCEPTS_PER_SECOND: Final = 1_000
"""Sockets refused before a handshake: 60 us each; more wait in the kernel, which drops them."""
HANDSHAKE_PAYLOAD_BYTES_MAX: Final = 512
"""A key of 36 bytes, a signature of 64, and what libp2p may add."""
NEGOTIATION_LINE_BYTES_MAX: Final = 256
"""The name of a protocol; ours have less than 64."""
NEGOTIATION_LINES_MAX: Final = 8
"""To agree on a protocol takes two; who asks for a third asks for what we do not have."""
MUX_FRAME_BYTES_MAX: Final = 64 * 1024
"""Data in one frame of yamux: libp2p's own bound, and a message of Noise."""
MUX_WORK_PER_SECOND: Final = 4_000
"""Frames and Noise messages of a peer: 130 MB/s if large, a tenth of a core if small."""
GOSSIP_FIELDS_MAX: Final = 2_048
"""Of one RPC of gossipsub in all: a block has four, a heartbeat names some hundred blocks."""
GOSSIP_ID_BYTES_MAX: Final = 64
"""Our names of messages have 32 bytes, written as text 64."""

# the ledger (ledger.md §2)
SALT_BYTES_MIN: Final = 16
"""128 bits keep two equal acts of one moment apart."""
SALT_BYTES_MAX: Final = 32
"""More would carry data, not chance."""
WINDOW_MS_MAX: Final = 24 * 60 * 60 * 1000
"""Ids of the window are held by every node; a consent that takes longer than a day is an intent."""
WINDOW_ENTRIES_DROPPED_MAX: Final = 100
"""Entries of the window that a block drops: each block adds one, so the rest never piles up."""
RECEIPT_BYTES_MAX: Final = 4 * (TRANSACTION_BODY_BYTES_MAX + kernel.CALLS_RUN_BYTES_MAX) + 4096
"""A transfer line has 40 bytes in a body, some 120 as an event; what says more is refused."""
ACCOUNT_KEYS_MAX: Final = SIGNATURES_MAX
"""More keys could not all sign one transaction."""
KEY_WEIGHT_MAX: Final = 65_535
"""64 such weights still fit any integer type of any implementation."""
NAME_LENGTH_MAX: Final = 128
"""Characters in the name of a public body, a validator or a network."""
ROLE_LENGTH_MAX: Final = 32
"""Characters in the code of a role."""
LINES_MAX: Final = 256
"""Lines per transfer: a payroll page; with CALLS_MAX the body's bytes are the tighter bound."""
REFERENCE_LENGTH_MAX: Final = 64
"""Characters, and bytes, of a payment reference: an ISO 20022 reference (35) and room."""
DESCRIPTION_LENGTH_MAX: Final = 140
"""Characters of a line's public text, as in ISO 20022 unstructured remittance information."""
EXPONENT_MAX: Final = 8
"""Decimal places of an asset: 2^63 minor units are then still 92 billion whole ones."""
GENESIS_BYTES_MAX: Final = 16 * 1024 * 1024
"""A genesis file: some 20,000 accounts in its named form."""
STATE_HEIGHTS_KEPT: Final = 1_000
"""Heights at which a node reads and proves state where its operator says nothing else."""

# storage
ARCHIVE_HEIGHTS: Final = 10_000
"""Decided heights whose justifications stay to prove who broke a promise (consensus.md §10)."""
LINKS_CHECKED: Final = 1_000
"""Blocks walked back at each start, 20 ms: more than one write buffer of LevelDB, the part of the
chain in which a damaged log can leave a hole, holds in full blocks."""
BACKUP_PIECE_BYTES: Final = 64 * 1024
"""Keys and values in one record of a backup: a millisecond's work."""
BACKUP_RECORD_BYTES_MAX: Final = 64 * 1024 * 1024
"""The largest row of a database: receipts of a full block, or the list of what it replaced."""
BACKUP_KEY_BYTES_MAX: Final = 1024
"""A state key: table and the ledger's own, of some ids and a reference at most."""
RETENTION_HEIGHTS_MIN: Final = 1_000
"""Bodies, receipts and index of so many heights are always kept, a quarter of an hour at a block a
second: so long a peer catches up here, and a client that lost an answer finds what became of it."""
RETENTION_STATE_MIN: Final = 100
"""State of so many heights: whoever reads page after page at one height has minutes for it."""
RETENTION_STRIDE: Final = 100
"""Heights that an edge moves at a time: its signed record is then a hundredth of their headers."""
RETENTION_RECORD_BYTES_MAX: Final = 1024
"""A record of the retention log has about 350 bytes."""
RETENTION_SHOWN_MAX: Final = 10_000
"""Records that an answer shows: 4 MB of JSON. The file has all of them."""
SWEEP_ROWS: Final = 2_000
"""Rows that one step of sweeping looks at: some milliseconds and one synchronous write."""
BACKUP_SYNC_BYTES: Final = 4 * 1024 * 1024
"""Of a backup that is being written, so much is on the disk: a vote's sync waits for no more."""
COMPACT_PIECE_BYTES: Final = 16 * 1024 * 1024
"""Compacted at a time: half a second, within which nobody can stop it."""
RESTORE_BATCH_BYTES: Final = 4 * 1024 * 1024
"""Keys and values of one write while a database is restored: as much as a large decision writes."""

# evidence (consensus.md §10)
EVIDENCE_AGE_HEIGHTS_MAX: Final = ARCHIVE_HEIGHTS
"""Heights back to which evidence suspends a validator: as far as a fork can still be explained."""
EVIDENCE_REPORTS_PER_BLOCK_MAX: Final = 16
"""Reports that a block takes: each leaves a row for ever, and a liar can make any number; more
validators than this are never suspended in one block of 48."""
EVIDENCE_CASES_PER_VALIDATOR_MAX: Final = 16
"""Cases that a node keeps of one validator: one suspends it, and it can make any number."""
EVIDENCE_CASES_MAX: Final = VALIDATORS_MAX * EVIDENCE_CASES_PER_VALIDATOR_MAX
"""Cases that a node keeps in all: less than 1 MiB. Then that of the lowest height makes room."""
TESTIMONY_RECORDS_MAX: Final = 1_000
"""Views of one height that a testimony tells of: hours without a decision, prepared in each."""
TESTIMONY_BYTES_MAX: Final = 64 * 1024 * 1024
"""A testimony: so many views of 128 validators, with their view changes and certificates."""
EVIDENCE_FILE_BYTES_MAX: Final = 8 * 1024 * 1024
"""An evidence file: 800 changes of 128 validators, each with its header and certificate."""

# proof files (docs/proof-format.md)
PROOF_BYTES_MAX: Final = 1024 * 1024
"""The largest receipt, transaction and certificate together are below 400 KiB."""
PROOF_STEPS_MAX: Final = 4_096
"""Steps of a lineage: more changes of validators than a chain sees; the bytes bind earlier."""
PROOF_EVENTS_MAX: Final = 65_536
"""Events of one receipt: RECEIPT_BYTES_MAX holds far fewer."""
QR_BYTES_MAX: Final = 2_953
"""What the largest QR code (version 40, level L) holds in byte mode."""
TRUST_PINS_MAX: Final = 1_000
"""Chains and checkpoints that a person trusts; each stands for a source that they looked up."""
TRUST_BYTES_MAX: Final = 1024 * 1024
"""Their file: so many pins with names of the longest kind."""
LIST_DEPTH_MAX: Final = 63
"""Siblings on a path in a list: its length is below 2^63."""
STATE_DEPTH_MAX: Final = 256
"""Siblings on a path in the state: a key hash has 256 bits."""

# snapshots
SNAPSHOT_CHUNK_BYTES: Final = 1024 * 1024
"""What a chunk should hold at most: 0.1 s on a line of 100 Mbit/s, and of a processor's time."""
SNAPSHOT_CHUNK_BYTES_MAX: Final = 2 * SNAPSHOT_CHUNK_BYTES
"""What it may have: its last block's ids (220 kB) or a single entry may go beyond, and its path."""
SNAPSHOTS_APART_MAX: Final = 10**9
"""Heights between two snapshots: thirty years of a block a second, which is never."""
SNAPSHOTS_KEPT_MAX: Final = 1_000
"""Snapshots in a node's folder: their manifests are read whenever the oldest is to go."""
SNAPSHOT_MANIFEST_BYTES_MAX: Final = 32 * 1024 * 1024
"""A list of 400,000 chunks, or 3,000 changes of 128 validators."""

# joining a network
SNAPSHOTS_OFFERED_MAX: Final = 4
"""Snapshots that a node offers, the newest first: whoever joins wants the newest it can have."""
JOIN_PIECE_BYTES: Final = 1024 * 1024
"""Of a manifest or a genesis document in one answer: as much as a chunk."""
JOIN_PIECE_S: Final = 20.0
"""For one answer: 2 MiB at 1 Mbit/s. Whoever needs longer is asked for less by the others."""
JOIN_OFFER_S: Final = 5.0
"""For a peer to say what it holds; the others are not kept waiting for longer."""
JOIN_GRACE_S: Final = 2.0
"""For the other peers, once one has proved its snapshot: they may have a newer one."""
JOIN_ASKED_AT_ONCE: Final = 2
"""Chunks under way from one peer: one is checked while the next one comes."""
JOIN_FAR_HEIGHTS: Final = 20_000
"""Blocks above a snapshot that are rather not fetched one by one, a minute or two: a peer is asked
to write a new one first."""
JOIN_SHORT_HEIGHTS: Final = 1_000
"""A chain so short is fetched from its first block, where nobody offers a snapshot: seconds."""
SNAPSHOT_YOUNG_MS: Final = 60 * 60 * 1000
"""A snapshot younger than this is not followed by another one because a peer asks for it."""
SNAPSHOT_ON_REQUEST_S: Final = 600.0
"""Between two snapshots that a node writes because peers ask: who asks all day costs it a tenth."""
SNAPSHOT_SPARED_S: Final = 60.0
"""A snapshot that a peer read from so lately makes no room for a newer one yet."""
BUNDLE_GENESIS_BYTES_MAX: Final = 1024 * 1024
"""Of a genesis document that goes with a bundle, in its named form: a file that can be mailed. A
larger one is fetched from the peers and checked against the chain's id."""
BUNDLE_BYTES_MAX: Final = 2 * BUNDLE_GENESIS_BYTES_MAX
"""Twice that, for the rest and its indentation."""

# exports
BLOCK_RECEIPTS_MAX: Final = BLOCK_TRANSACTIONS_MAX + kernel.AGENDA_DUTIES_MAX
"""One of each transaction, and of each duty that fell due."""
BLOCK_RECEIPTS_BYTES_MAX: Final = BLOCK_RECEIPTS_MAX * 4096 + 4 * (
    BLOCK_BYTES_MAX + kernel.CALLS_RUN_BLOCK_BYTES_MAX
)
"""Each at most four times its transaction and the kept calls it performed, and a little more."""
EXPORT_RECORD_BYTES_MAX: Final = (
    BLOCK_MESSAGE_BYTES_MAX + CERTIFICATE_BYTES_MAX + BLOCK_RECEIPTS_BYTES_MAX + 4096
)
"""A height in an export: its block, certificate and receipts."""

# audits
AUDIT_WORDS_MAX: Final = 4_096
"""Characters of one statement in a report: a receipt of some forty events."""
AUDIT_VALUE_BYTES_MAX: Final = 4_096
"""Bytes of an entry in a report; of a longer one, its beginning."""
AUDIT_ENTRIES_MAX: Final = 100
"""Entries that a divergence names; the first is what matters."""
AUDIT_ROOTS_MAX: Final = 100_000
"""State roots that a report lists: of every thousandth height, three years of seconds."""
AUDIT_REPORT_BYTES_MAX: Final = 16 * 1024 * 1024
"""So many roots, and everything else."""

# the node
SIGNER_STORY_MAX: Final = 16
"""Turns of the right to sign that its file keeps: years of incidents at one validator."""
SIGNER_WORDS_MAX: Final = 256
"""Characters that say why at one turn: two places with their statements, or who unfenced."""
OPERATOR_LENGTH_MAX: Final = 64
"""Characters that name who unfenced: an account of the machine and its host."""
SIGNER_MEMORY_BYTES_MAX: Final = 1024 + SIGNER_STORY_MAX * (4 * SIGNER_WORDS_MAX + 32)
"""Four statements of one view with their signatures and a header, and the story in any script."""
MEMPOOL_TRANSACTIONS_MAX: Final = 50_000
"""Ten full blocks; what waits longer than that is better refused at the door."""
MEMPOOL_BYTES_MAX: Final = 64 * 1024 * 1024
"""The same bound in bytes, for large transactions."""
MEMPOOL_ACCOUNT_TRANSACTIONS_MAX: Final = 20_000
"""What one account may have pending (ledger.md §2): a ministry's monthly payroll in one go."""
MEMPOOL_ACCOUNT_BYTES_MAX: Final = 16 * 1024 * 1024
"""The same bound in bytes."""
MEMPOOL_OBSERVERS_TRANSACTIONS_MAX: Final = MEMPOOL_TRANSACTIONS_MAX // 4
"""Of these, what nodes without a vote brought: however many they are, the rest is for others."""
MEMPOOL_OBSERVERS_BYTES_MAX: Final = MEMPOOL_BYTES_MAX // 4
"""The same in bytes."""
MEMPOOL_SHOWN_MAX: Final = 100
"""Accounts, and transactions of one, that an operator is shown; the rest is counted."""
MEMPOOL_FINAL_KEPT: Final = 20_000
"""Hashes of what was decided last, four full blocks: copies under way are asked for no more."""
OFFER_MAX: Final = 1_000
"""Hashes of waiting transactions offered to a peer at a time: 34 kB."""
OFFER_PAGES_PER_TICK: Final = 4
"""Such offers to a peer each half second: 50,000 hashes in six seconds."""
ASKED_PER_PEER_MAX: Final = 5 * OFFER_MAX
"""Offered transactions that a peer still owes us: a full block."""
RELAY_BYTES_MAX: Final = 1024 * 1024
"""Of transactions in one message, and of what one offer names; votes overtake between messages."""
RELAY_ANSWERS_BYTES_PER_SECOND: Final = 2 * OFFER_PAGES_PER_TICK * RELAY_BYTES_MAX
"""Of transactions that a peer wants: all that it is offered, if it lacks everything."""
STATUS_ANSWERS_PER_SECOND: Final = 20
"""What a peer may make us look up by sending where it stands; it says so twice a second."""
FETCH_ANSWERS_PER_SECOND: Final = 20
"""Bodies and transactions a peer may ask for; 2 MiB each, and it needs FETCHES_MAX at a time."""
FOLLOWER_ANSWERS_PER_SECOND: Final = 4
"""The same of who does not vote: a full block costs us 10 ms, and it needs one at a time."""
WATCHDOG_S: Final = 30.0
"""A loop that stands still for so long is dead; a full block on a slow machine takes 2 s."""
LAG_QUERIES_S: Final = 0.5
"""A loop that is on average so late answers no questions: a vote passes it ten times a block."""
LAG_SUBMISSIONS_S: Final = 1.5
"""A loop that is on average so late takes no submissions either: views begin to run out."""

LOG_LINES_AT_ONCE: Final = 20
"""Lines of one event about one peer, before the rate holds: the beginning of what it does."""
LOG_LINES_PER_MINUTE: Final = 6
"""Of the same, for ever: 2 MB a day and event from a peer that never stops."""
LOG_REASON_LENGTH_MAX: Final = 512
"""Characters of a reason that a peer's bytes may have a part in."""

# the API
API_CONNECTIONS_MAX: Final = 512
"""Open connections; half of the 1,024 descriptors that a process has by default."""
API_REQUESTS_MAX: Final = 256
"""Requests in progress, waiting ones included: beyond it 503 at once, but for the standing."""
API_WAITERS_MAX: Final = 192
"""Requests that wait for a transaction: the others still find a place."""
API_WAIT_S_MAX: Final = 60
"""Longer waits are several requests; proxies give up after a minute."""
API_TRANSACTION_JSON_BYTES_MAX: Final = 4 * TRANSACTION_BYTES_MAX
"""The named form of the smallest transfer line has 131 bytes, its canonical form 40."""
API_BATCH_MAX: Final = 1_000
"""Transactions in one request: a fifth of a full block."""
API_BATCH_BYTES_MAX: Final = 16 * 1024 * 1024
"""A batch in either form: 1,000 transactions of 16 KiB."""
API_BATCHES_MAX: Final = 4
"""Batches in memory at a time: 64 MiB of bodies."""
API_BALANCES_MAX: Final = 1_000
"""Assets on one page of an account's balances: 60 kB of an answer."""
API_READERS_MAX: Final = 4
"""Threads that read the database for answers: the node has other work."""
API_STREAMS_MAX: Final = 64
"""Open streams of events: each reads every block, and holds a connection as long as it likes."""
API_STREAM_BYTES: Final = 64 * 1024
"""Events read at a time for one stream; no more of them is in memory."""
API_STREAM_BLOCKS: Final = 256
"""Blocks read at a time for one stream, so that a filter without matches gives the thread back."""
API_HEARTBEAT_S: Final = 15
"""A stream is never silent for longer: proxies close what is, often after 30 s."""
API_IDLE_S: Final = 10
"""For the head of a request to arrive, and for a connection without one."""
API_BODY_S: Final = 20
"""For a body to arrive: 16 MiB at 7 Mbit/s."""
API_LINGER_S: Final = 1
"""We read on for so long after refusing a body half-way, so that the sender sees the refusal."""
API_SEND_S: Final = 20
"""For 64 KiB of an answer to be taken; who does not read is disconnected."""
API_GRACE_S: Final = 1
"""For requests in progress to end when the node stops."""
API_QUERIES_MAX: Final = 2
"""Threads that answer queries with rows: one that sums for seconds must not delay a lookup."""
QUERY_ROWS_MAX: Final = 1_000
"""Rows on a page: 0.5 MB of JSON, built in 50 ms."""
QUERY_GROUPS_MAX: Final = 10_000
"""Rows of totals, which have no pages: a city's vendors (the most we know: 2,313) and room."""
QUERY_TRANSACTIONS_MAX: Final = 200_000
"""Transactions that totals go over: forty years of a city's payments, or two seconds."""
QUERY_PAGE_TRANSACTIONS_MAX: Final = 20_000
"""Transactions that a page with a filter goes over; then it ends, and the next one goes on."""
QUERY_MOVEMENTS_MAX: Final = 150_000
"""Movements that a trace looks at: less than a second."""
TRACE_DEPTH_MAX: Final = 12
"""Steps of a trace: from a fund through its line and award to nine hands."""
ADMIN_WORK_S: Final = 0.002
"""An operator's long work rests after so long: the loop's turn is never further away."""
ADMIN_REST: Final = 1.0
"""Seconds of rest for each second of work: half a core at the most goes to it."""
ADMIN_REST_S_MAX: Final = 0.1
"""However long a step took, a wait for LevelDB for instance: who stops the work waits no longer."""
ADMIN_PROGRESS_S: Final = 0.25
"""Between two lines of progress: a bar that moves."""
CHECK_DAMAGES_MAX: Final = 100
"""Damages that a check lists; the others are counted. Who has a hundred restores from elsewhere."""
RANGE_BLOCKS_MAX: Final = 256
"""Blocks in one answer to a node that catches up; large ones fill its bytes much earlier."""
CATCHUP_HEIGHTS_AHEAD: Final = 8 * RANGE_BLOCKS_MAX
"""How far above the height at hand ranges are asked for: some seconds of the smallest blocks."""
CATCHUP_BYTES_AHEAD: Final = 32 * 1024 * 1024
"""Blocks that came and wait for those below; beyond it only the height at hand is asked for."""
CATCHUP_QUESTIONS_MAX: Final = 6
"""Ranges asked for at a time: with what waits, 80 MiB at the most, and three peers are busy."""
CATCHUP_REPEATS_MAX: Final = 2
"""Of these, kept for asking somebody else for what everything waits for."""
CATCHUP_CHECKED_BYTES: Final = 4 * 1024 * 1024
"""Blocks whose signatures are checked ahead of their execution: two of the largest."""
CATCHUP_RUN_BYTES: Final = 256 * 1024
"""Blocks that a thread checks at a time; one that is larger goes alone."""
BODIES_WAITING_MAX: Final = 32
"""Messages with a block that wait for a thread: at 2 MiB each, 64 MiB at the most."""
BODIES_PER_PEER_MAX: Final = 4
"""Of these, one peer's: a proposal, its body, a decided block, and one more."""
BATCHES_WAITING_MAX: Final = 64
"""Messages with transactions that wait for a thread; honest ones are of 1 MiB at the most."""
BATCHES_PER_PEER_MAX: Final = 16
"""Of these, one peer's: several full blocks."""
CLOCK_AHEAD_MS: Final = 5_000
"""Blocks that come so old by gossip mean that our clock is ahead: lines take 2 s at most."""
VERSION_LENGTH_MAX: Final = 32
"""Characters of a version that a node tells: a release, and the mark of a build."""
STANDING_LENGTH_MAX: Final = 16
"""Characters of the word for why a node signs or does not."""
ABOUT_EVERY_MS: Final = 5_000
"""How often a node says how it is: 300 bytes, forty times less than its keep-alives may cost."""
QUIET_MS: Final = 2 * ABOUT_EVERY_MS + 2_000
"""Who says nothing for so long, though its link stands, has missed two of its words."""
QUIET_STALLED_MS: Final = 5_000
"""The same among validators that make no progress: each says where it stands twice a second."""
ABOUTS_PER_SECOND: Final = 4
"""Words about itself that a peer is heard with: it says one in five seconds, two after a change."""
CONTACTS_KEPT_MAX: Final = 1_024
"""Peers remembered with their links and words: those admitted now, and some that were before."""
BLOCKS_WATCHED: Final = 256
"""Blocks of which it is remembered who signed, and how long they took: 128 validators twice."""
FINALITY_WATCHED: Final = 1_000
"""Submitted transactions whose time is taken at once; of more than these the oldest is let go."""
FINALITY_KEPT: Final = 100
"""Of such times, so many make the median that people are shown."""
LOOP_LAG_MS_MAX: Final = 500
"""A loop that goes on so late costs each phase of a view half of its first timeout."""
DISK_FREE_BYTES_MIN: Final = 192 * 1024 * 1024
"""A node ends below it: three of LevelDB's write buffers (64 MiB), which are its log, the one that
is on its way to a table, and that table."""
DISK_FREE_BYTES_LEFT: Final = 2 * DISK_FREE_BYTES_MIN
"""A snapshot is not written below it: no tool of a node's brings the node to its end."""
