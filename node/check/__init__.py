"""`mithaq db check`: every row of a node's database, verified again; nothing is ever repaired.

A check reads one snapshot. What follows from something else is made again and compared: the block
ids and indexes from the blocks, the blocks from their certificates, the tree from the roots in the
headers, the entries from the tree. What follows from nothing (votes, evidence, the retention log)
is judged by its own signatures and shape.

| module | regions |
|---|---|
| `blocks` | META, HEADER, BODY, CERTIFICATE, RECEIPTS; what the indexes should hold |
| `indexes` | HEIGHT, TRANSACTION, ACCOUNT_TX, WINDOW |
| `tree` | NODE; what the entries should be |
| `state` | STATE against the tree, in both directions |
| `promises` | VOTE, VOTE_BODY, ARCHIVE, EVIDENCE, RETENTION |
"""
