"""`python -m producer`: the `bydawn` command."""

from producer.cli import main

if __name__ == "__main__":
    main()
