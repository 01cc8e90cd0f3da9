"""A typed client of a node's API: what `mithaq` itself speaks through (docs/client.md).

```
client       Client: questions, submissions, waiting, events    answers are Structs
├ wallet     Wallet: keys that build and sign transactions
├ events     the event stream: each event once, across reconnects
├ connection one node over HTTP: kept alive, problems as errors
└ faults     Unreachable, NotFinal; a refusal is primitives.errors.Rejected
```

It is synchronous and uses the standard library's HTTP: httpx would cost 0.1 s of every command
(measured), for nothing that a question and an answer need.
"""
