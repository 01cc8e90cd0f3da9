"""The vocabulary of the house: ids, limits, errors, codec, crypto, blocks and certificates."""
