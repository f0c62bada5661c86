"""`python -m sync` is `contact-sync`."""

from sync.cli import main

if __name__ == "__main__":
    main()
