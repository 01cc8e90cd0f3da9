"""The deterministic state machine: transactions in, receipts and a state root out."""
