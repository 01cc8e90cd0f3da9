"""Authenticated bytes between known peers, over libp2p.

What this package is: a `Network` that keeps one link to every peer that the node names, carries
requests, and gossips committed blocks. What it promises about a payload: which peer delivered it.
What it never does: look into a payload, decide who is a peer, or remember anything across a
restart.

- `p2p.peers`     names of peers; loads nothing of libp2p, so that the CLI may use it
- `p2p.frames`    the bytes of a link: lanes, coalescing, parsing; pure
- `p2p.inbox`     what arrives, bounded per peer and heard in turns
- `p2p.bucket`    how much of something a peer may have; pure
- `p2p.quota`     what a peer may cost: bytes, messages, answers
- `p2p.doorway`   who may begin a handshake; pure
- `p2p.negotiation`, `p2p.noise`, `p2p.yamux`, `p2p.yamux_frames`
                  the layers below a stream, with the bounds that libp2p leaves out
- `p2p.upgrader`  from a socket to a connection with streams
- `p2p.streams`   libp2p's sockets and streams
- `p2p.gate`      who gets a connection: Noise, and then the allow-list
- `p2p.host`      the door to libp2p: connections and streams
- `p2p.gossip_rpc`  what a peer says to gossipsub, read within bounds
- `p2p.gossip`    the topic of committed blocks (libp2p's gossipsub)
- `p2p.conduct`   penalties with their reasons, and pauses; pure
- `p2p.links`     one link per peer: two streams, keep-alive, reconnect
- `p2p.requests`  one question, one answer, a stream each
- `p2p.network`   the whole, opened as a context

Import from the modules: `from p2p.network import open_network`.
"""
