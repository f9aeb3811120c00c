"""`python -m eisync`."""

from eisync.cli import main

if __name__ == "__main__":
    main()
