"""Government services, composed from the ledger's kernel."""
