"""Queries that answer with rows: lists, statements and sums over the chain (docs/queries.md).

`node.queries` looks one thing up by its name; here a question is a Struct. A `Query` (ledger/query)
asks the state after one block and lives with its service; a `Report` asks the history, which only a
node has, and lives here. `table.QUERIES` lists both: the API's route, the command line's command
and the page are made from that list.

Synchronous, for a worker thread; never enters the engine. Every answer names the height that it was
read at; everything in it is as of the block of that height, whatever is decided meanwhile.
"""

from node.reports.moment import Moment, Report
from node.reports.table import QUERIES, QueryKind, Reports

__all__ = ["QUERIES", "Moment", "QueryKind", "Report", "Reports"]
