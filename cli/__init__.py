"""The command `mithaq`: founds networks, runs nodes, and speaks to them.

A command imports what it needs when it runs, so that `mithaq --help` costs no more than click.
Modules
hold one command or one group each; what several share:

- `cli.faults`     exit codes, and the failures that only a command line knows
- `cli.session`    --home, --json, --node, and how results are printed
- `cli.home`       where a network's files lie; names of keys, nodes and accounts
- `cli.remote`     one question to one node, or to the first that answers
- `cli.processes`  nodes as processes of their own
"""
