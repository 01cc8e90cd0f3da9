"""The command `mithaq`: founds networks, runs nodes, and speaks to them.

A command imports what it needs when it runs, so that `mithaq --help` costs no more than click.
Modules hold one command or one group each; nodes are asked through the package `client`. What
several share:

- `cli.faults`     exit codes, and the failures that only a command line knows
- `cli.session`    --home, --json, --node, and how results are printed
- `cli.home`       where a network's files lie; names of keys, nodes and accounts
- `cli.processes`  nodes as processes of their own
"""
