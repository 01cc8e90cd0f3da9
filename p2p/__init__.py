"""Authenticated bytes between known peers over libp2p."""
