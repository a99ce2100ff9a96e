"""The `bydawn` command: entrypoints that translate, and functions elsewhere that decide."""
