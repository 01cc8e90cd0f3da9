"""`python -m cli`, which is `mithaq`; the background nodes of a local network are started so."""

from cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
