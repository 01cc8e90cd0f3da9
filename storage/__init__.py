"""Durable things on LevelDB: blocks, certificates, receipts, state, votes."""
