"""Authority: who has an account, who may do what, who votes, and who may listen."""
