"""`python -m isoloop` is the `isoloop` command."""

from isoloop.cli import main

if __name__ == "__main__":
    main()
