"""Everything that asks for work and looks at it: the `bydawn` command and what it stands on."""
