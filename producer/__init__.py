"""Everything that asks for work and looks at it: the `bydawn` command and the Python client."""
