"""Importers and exporters for the outside world's formats: pure, over bytes and typed values."""
