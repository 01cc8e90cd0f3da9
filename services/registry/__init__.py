"""Registry: what is on record about whom, and that a document existed before a time."""
