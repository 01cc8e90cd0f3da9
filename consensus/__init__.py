"""PBFT as a pure machine that orders opaque digests."""
