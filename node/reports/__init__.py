"""Queries that answer with rows: lists, statements and sums over the chain (docs/queries.md).

`node.queries` looks one thing up by its name; here a query is a typed function over one moment of
the chain. `table.QUERIES` lists them all: name, parameters, row, function. The API's route, the
command line's command and the page are made from that list, so a new query is one entry there.

Synchronous, for a worker thread; never enters the engine. Every answer names the height that it was
read at; everything in it is as of the block of that height, whatever is decided meanwhile.
"""

from node.reports.moment import Moment
from node.reports.table import QUERIES, Query, Reports

__all__ = ["QUERIES", "Moment", "Query", "Reports"]
